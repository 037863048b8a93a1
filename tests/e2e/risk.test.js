/** Notices and the state of a market in words, without a browser. Run by test_scripts.py. */

import assert from "node:assert/strict";
import test from "node:test";

import { countdown, imbalanceWords } from "../../static/js/trade/market-state.js";
import { toasted } from "../../static/js/trade/notices.js";

const NOW = Date.parse("2026-11-26T12:00:00Z");
const notice = (id, changes) => ({
  id,
  at: "2026-11-26T11:59:00+00:00",
  severity: "Danger",
  isRead: false,
  ...changes,
});
const ids = (notices) => notices.map((one) => one.id);

test("each new notice has a toast once, the oldest first", () => {
  const told = [notice(9), notice(7), notice(4)];
  assert.deepEqual(ids(toasted(told, 4, NOW)), [7, 9]);
  assert.deepEqual(ids(toasted(told, 9, NOW)), []);
  assert.deepEqual(ids(toasted(told, 0, NOW)), [4, 7, 9]);
});

test("a page that opens shows the newest one, if that is urgent, unread and fresh", () => {
  assert.deepEqual(ids(toasted([notice(9), notice(7)], null, NOW)), [9]);
  assert.deepEqual(toasted([notice(9, { severity: "Info" }), notice(7)], null, NOW), []);
  assert.deepEqual(toasted([notice(9, { isRead: true })], null, NOW), []);
  assert.deepEqual(toasted([notice(9, { at: "2026-11-26T10:59:00+00:00" })], null, NOW), []);
  assert.deepEqual(toasted([], null, NOW), []);
});

test("what is left of a time is rounded up and never negative", () => {
  assert.equal(countdown(1), "00:01");
  assert.equal(countdown(-5), "00:00");
  assert.equal(countdown(61_000), "01:01");
  assert.equal(countdown(3_723_000), "1:02:03");
});

test("an imbalance says which side is longer", () => {
  assert.equal(imbalanceWords("0", "SOL"), "none");
  assert.equal(imbalanceWords("-0.00", "SOL"), "none");
  assert.equal(imbalanceWords("1200.5", "SOL"), "1,200.5 SOL more bid");
  assert.equal(imbalanceWords("-0.05", "SOL"), "0.05 SOL more asked");
});
