/** What the page says of an order and of an account's health, in words. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { brief, distance, endWords, isNear, keptPercent, supposedWords } from "../../static/js/trade/health.js";
import { change, outcomeWords, slippageWords } from "../../static/js/trade/preview.js";

const figures = (equity, maintenanceMargin) => ({ equity, maintenanceMargin });

test("what changes is shown with both its values, what does not with one", () => {
  assert.equal(change("1.00", "2.00"), "1.00 → 2.00");
  assert.equal(change("1.00", "1.00"), "1.00");
  assert.equal(change(null, "91.20"), "none → 91.20");
  assert.equal(change(null, null), "none");
});

test("slippage says which way it goes", () => {
  assert.equal(slippageWords("0.0073", "mark"), "0.73% worse than the mark");
  assert.equal(slippageWords("-0.000001", "index"), "0.0001% better than the index");
  assert.equal(slippageWords("0", "mark"), "at the mark");
  assert.equal(slippageWords(null, "mark"), "");
});

test("what becomes of an order is one sentence a part", () => {
  const preview = { status: "Filled", executedQuantity: "1500", restingQuantity: "0", reasonText: null, filled: null };
  assert.equal(outcomeWords(preview, "SOL"), "1,500 SOL trade at once.");
  assert.equal(
    outcomeWords({ ...preview, restingQuantity: "2", filled: {} }, "SOL"),
    "1,500 SOL trade at once; 2 SOL rest in the book. What follows the arrow is once that has filled.",
  );
  assert.equal(
    outcomeWords({ ...preview, executedQuantity: "0", reasonText: "it could not be filled whole" }, "SOL"),
    "It would end at once: it could not be filled whole.",
  );
  assert.equal(
    outcomeWords({ ...preview, reasonText: "the book offered no more" }, "SOL"),
    "1,500 SOL trade at once; the rest ends: the book offered no more.",
  );
  assert.match(outcomeWords({ ...preview, status: "TriggerPending" }, "SOL"), /^It waits/);
});

test("prices are short, and near is within five percent", () => {
  assert.deepEqual(["78127.53126011", "119.02840113", "0.84125099", "7", "1234567.8"].map(brief), ["78127.5", "119.02", "0.84125", "7", "1234567.8"]);
  assert.equal(distance("100", "87.5"), "−12.50%");
  assert.equal(distance("100", null), null);
  assert.equal(isNear("100", "95.01"), true);
  assert.equal(isNear("100", "95"), false);
  assert.equal(isNear("100", "104.99"), true);
  assert.equal(isNear(null, "1"), false);
});

test("the bar is full where a liquidation begins, and never beyond", () => {
  assert.equal(keptPercent(figures("1000", "0")), 0);
  assert.equal(keptPercent(figures("1000", "250")), 25);
  assert.equal(keptPercent(figures("1000", "1000")), 100);
  assert.equal(keptPercent(figures("-5", "10")), 100);
  assert.equal(keptPercent(figures("1000000", "999999.999999")), 99);
});

test("where an account ends is said for each side there is", () => {
  const asset = { symbol: "SOL", indexPrice: "100", lowerPrice: "82.05128205", upperPrice: null };
  assert.equal(endWords(asset), "Liquidated with SOL at 82.051 or below (−17.94%).");
  assert.equal(
    endWords({ ...asset, upperPrice: "750" }),
    "Liquidated with SOL at 82.051 or below (−17.94%), or at 750 or above (+650.00%).",
  );
  assert.equal(endWords({ ...asset, lowerPrice: null }), "No price of SOL alone would liquidate this account.");
});

test("supposed prices are answered in a sentence", () => {
  const safe = { status: "MarginCall", figures: { ...figures("1000.5", "990.123456"), marginMet: true } };
  assert.equal(
    supposedWords(safe, [["SOL", "91.2"]]),
    "At SOL 91.2 equity would be $1,000.50, of which $990.12 must be kept: Margin call.",
  );
  const lost = { status: "MarginCall", figures: { ...figures("-20", "990"), marginMet: false } };
  assert.equal(
    supposedWords(lost, [["SOL", "91.2"]]),
    "At SOL 91.2 this account would be liquidated: equity of −$20.00 is below the $990.00 to be kept.",
  );
  assert.match(supposedWords(safe, []), /^At prices of now/);
  assert.match(supposedWords(safe, ["A", "B", "C", "D"].map((one) => [one, "1"])), /^At these prices/);
});
