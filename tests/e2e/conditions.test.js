/** Conditions of orders in words, without a browser. Run by test_scripts.py. */

import assert from "node:assert/strict";
import test from "node:test";

import {
  conditionWords,
  exitName,
  extras,
  metFrom,
  statusWords,
  triggerSentence,
  typeWords,
} from "../../static/js/trade/conditions.js";

const STOP = { triggerBy: "MarkPrice", triggerPrice: "90" };
const row = (changes) => ({
  side: "Ask",
  orderType: "Market",
  status: "TriggerPending",
  conditions: STOP,
  firesAbove: false,
  relatedId: null,
  reason: null,
  ...changes,
});

test("a price is met from the side on which it does not stand now; as it stands, from above", () => {
  assert.equal(metFrom("90", "100.000000001"), "below");
  assert.equal(metFrom("110.5", "100"), "above");
  assert.equal(metFrom("100", "100.00"), "above");
  assert.equal(metFrom("100", null), null);
  assert.equal(metFrom("abc", "100"), null);
});

test("the ticket says what an order that waits will do", () => {
  const stop = { bid: false, what: "1 SOL", limit: null, by: "MarkPrice", price: "90", now: "100" };
  assert.equal(
    triggerSentence(stop),
    "Sells 1 SOL at the market once the mark price is at or below 90.",
  );
  assert.equal(
    triggerSentence({ ...stop, bid: true, limit: "121", by: "LastPrice", price: "120" }),
    "Buys 1 SOL at 121 or better once the last price is at or above 120.",
  );
  // Nothing is claimed of a side which is not known.
  assert.equal(
    triggerSentence({ ...stop, now: null }),
    "Sells 1 SOL at the market once the mark price has reached 90.",
  );
});

test("exits and tolerance are told as far as they are there", () => {
  assert.equal(extras({}), "");
  assert.equal(
    extras({ takeProfitTriggerPrice: "1200", takeProfitLimitPrice: "1199.5", stopLossTriggerPrice: "90" }),
    "Take-profit 1,200 (limit 1,199.5) \u00b7 Stop-loss 90",
  );
  assert.equal(extras({ slippageTolerance: "0.5", slippageToleranceType: "Percent" }), "Slippage at most 0.5%");
  assert.equal(extras({ slippageTolerance: "7", slippageToleranceType: "TickSize" }), "Slippage at most 7 ticks");
});

test("an open order shows what it waits for, to whom it belongs and what it brings along", () => {
  assert.equal(conditionWords(row({})), "Waits: Mark \u2264 90");
  assert.equal(conditionWords(row({ firesAbove: true, relatedId: "7" })), "Take-profit of 7, waits: Mark \u2265 90");
  assert.equal(conditionWords(row({ status: "New" })), "Has met: Mark \u2264 90");
  const exits = { stopLossTriggerPrice: "90" };
  assert.equal(conditionWords(row({ status: "New", conditions: exits, firesAbove: null })), "Stop-loss 90");
  assert.equal(conditionWords(row({ status: "New", conditions: {}, firesAbove: null })), "");
});

test("take-profit and stop-loss change places with the side they close", () => {
  const exit = (side, firesAbove) => exitName(row({ side, firesAbove, relatedId: "7" }));
  assert.deepEqual(
    [exit("Ask", true), exit("Ask", false), exit("Bid", true), exit("Bid", false)],
    ["Take-profit", "Stop-loss", "Stop-loss", "Take-profit"],
  );
  assert.equal(exitName(row({})), null);
});

test("the history says what has become of an order, and why", () => {
  assert.equal(typeWords(row({ orderType: "Limit" })), "Limit, Mark \u2264 90");
  assert.equal(typeWords(row({ relatedId: "7" })), "Stop-loss, Mark \u2264 90");
  assert.equal(typeWords(row({ conditions: {} })), "Market");
  assert.equal(statusWords(row({})), "Waits");
  const reason = "there was no position left to close";
  assert.equal(statusWords(row({ status: "TriggerFailed", reason })), `Not placed: ${reason}`);
  assert.equal(statusWords(row({ status: "Filled" })), "Filled");
});
