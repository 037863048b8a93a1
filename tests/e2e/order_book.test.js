/** The order book's merge and the exact decimals, without a browser. Run by test_scripts.py. */

import assert from "node:assert/strict";
import test from "node:test";

import { cut, format, group, parse, percentChange, short, tone, trim } from "../../static/js/trade/decimal.js";
import { OrderBook } from "../../static/js/trade/order-book.js";

const PRICES = 1;
const SIZES = 2;

const snapshot = (lastUpdateId, bids, asks) => ({ lastUpdateId: String(lastUpdateId), bids, asks });
const delta = (U, u, b = [], a = []) => ({ U, u, b, a });

function loaded() {
  const book = new OrderBook(PRICES, SIZES);
  // REST lists both sides ascending and without trailing zeros.
  const bids = [["99", "1"], ["99.5", "2"]];
  const asks = [["100.5", "3"], ["101", "4"]];
  assert.equal(book.load(snapshot(10, bids, asks)), true);
  return book;
}

const shown = (side, step) =>
  side.levels(10, step).map(([price, size, sum]) => [
    format(price, PRICES),
    format(size, SIZES),
    format(sum, SIZES),
  ]);

test("a snapshot stands best price first, with running sums", () => {
  const book = loaded();
  assert.deepEqual(shown(book.bids), [["99.5", "2.00", "2.00"], ["99.0", "1.00", "3.00"]]);
  assert.deepEqual(shown(book.asks), [["100.5", "3.00", "3.00"], ["101.0", "4.00", "7.00"]]);
});

test("a delta sets, replaces and removes levels", () => {
  const book = loaded();
  const bids = [["99.5", "0.00"], ["99.0", "7.50"], ["98.7", "1.25"]];
  assert.equal(book.receive(delta(11, 11, bids, [["100.0", "0.01"]])), true);
  assert.deepEqual(shown(book.bids), [["99.0", "7.50", "7.50"], ["98.7", "1.25", "8.75"]]);
  assert.equal(format(book.asks.prices[0], PRICES), "100.0");
});

test("removing a level which is not there changes nothing", () => {
  const book = loaded();
  book.receive(delta(11, 11, [["50.0", "0.00"]]));
  assert.equal(book.bids.prices.length, 2);
});

test("deltas which the snapshot already holds are dropped", () => {
  const book = loaded();
  assert.equal(book.receive(delta(9, 10, [["99.5", "0.00"]])), true);
  assert.equal(format(book.bids.prices[0], PRICES), "99.5");
});

test("deltas collected before the snapshot are applied after it, from the first that fits", () => {
  const book = new OrderBook(PRICES, SIZES);
  book.receive(delta(9, 9, [["90.0", "9.00"]]));
  book.receive(delta(10, 12, [["99.0", "0.00"]]));
  book.receive(delta(13, 13, [["98.0", "5.00"]]));
  assert.equal(book.ready, false);
  assert.equal(book.load(snapshot(11, [["99", "1"]], [])), true);
  assert.deepEqual(shown(book.bids), [["98.0", "5.00", "5.00"]]);
  assert.equal(book.updateId, 13);
});

test("a gap asks for a new snapshot and keeps the delta for it", () => {
  const book = loaded();
  assert.equal(book.receive(delta(13, 13, [["98.0", "5.00"]])), false);
  assert.equal(book.ready, false);
  assert.equal(book.load(snapshot(12, [["99", "1"]], [])), true);
  assert.deepEqual(shown(book.bids), [["99.0", "1.00", "1.00"], ["98.0", "5.00", "6.00"]]);
});

test("a snapshot older than the first delta collected is refused", () => {
  const book = new OrderBook(PRICES, SIZES);
  book.receive(delta(13, 13, [["98.0", "5.00"]]));
  assert.equal(book.load(snapshot(11, [["99", "1"]], [])), false);
  assert.equal(book.ready, false);
});

test("a gap among the deltas collected before the snapshot is seen", () => {
  const book = new OrderBook(PRICES, SIZES);
  book.receive(delta(12, 12, [["98.0", "5.00"]]));
  book.receive(delta(14, 14, [["97.0", "5.00"]]));
  assert.equal(book.load(snapshot(11, [], [])), false);
});

test("groups round away from the middle and add up", () => {
  const book = new OrderBook(PRICES, SIZES);
  const bids = [["98.9", "1"], ["99.1", "2"], ["99.9", "4"]];
  const asks = [["100.1", "1"], ["101", "2"], ["101.1", "4"]];
  book.load(snapshot(1, bids, asks));
  assert.deepEqual(shown(book.bids, 10n), [["99.0", "6.00", "6.00"], ["98.0", "1.00", "7.00"]]);
  assert.deepEqual(shown(book.asks, 10n), [["101.0", "3.00", "3.00"], ["102.0", "4.00", "7.00"]]);
});

test("a thousand random updates leave the book as a plain map has it", () => {
  const book = new OrderBook(PRICES, SIZES);
  book.load(snapshot(0, [], []));
  const plain = new Map();
  // A fixed sequence of pseudo-random numbers, so that a failure repeats itself.
  let seed = 12345;
  const next = (limit) => {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    return Math.floor((seed / 2147483648) * limit);
  };
  for (let id = 1; id <= 1000; id += 1) {
    const price = format(BigInt(900 + next(80)), PRICES);
    const size = format(BigInt(next(4)), SIZES);
    book.receive(delta(id, id, [[price, size]]));
    if (size === "0.00") plain.delete(price);
    else plain.set(price, size);
  }
  const expected = [...plain].sort((one, other) => Number(other[0]) - Number(one[0]));
  assert.deepEqual(book.bids.levels(1000).map(([price, size]) => [format(price, PRICES), format(size, SIZES)]), expected);
});

test("decimals are read exactly or not at all", () => {
  assert.equal(parse("86700", 1), 867000n);
  assert.equal(parse("86700.0", 1), 867000n);
  assert.equal(parse("-0.00001", 8), -1000n);
  assert.equal(parse(".5", 2), 50n);
  assert.equal(parse("123456789012345678901234567890.12345678", 8), 12345678901234567890123456789012345678n);
  for (const text of ["", "-", "1e5", "NaN", "0.15", "1,000", "1.2.3"]) assert.equal(parse(text, 1), null, text);
});

test("numbers are shown in full, grouped, cut and shortened", () => {
  assert.equal(format(-5n, 3), "-0.005");
  assert.equal(group("-1234567.8900"), "\u22121,234,567.8900");
  assert.equal(trim("1.500"), "1.5");
  assert.equal(trim("100"), "100");
  assert.equal(cut("1.239", 2), "1.23");
  assert.equal(short("1234567.8"), "1.23M");
  assert.equal(percentChange(100n, 101n), "+1.00");
  assert.equal(percentChange(100n, 99n), "\u22121.00");
  assert.equal(percentChange(0n, 99n), null);
});

test("a change that rounds to zero is neither up nor down", () => {
  assert.equal(tone(percentChange(1_000_000n, 999_999n)), "dim");
  assert.equal(tone(percentChange(1_000_000n, 999_000n)), "down");
  assert.equal(tone(percentChange(1_000_000n, 1_001_000n)), "up");
  assert.deepEqual(["-0.00", "0", "", "-3", "5"].map(tone), ["dim", "dim", "dim", "down", "up"]);
});
