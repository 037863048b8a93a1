/**
 * Exact decimals: a number is a BigInt times 10^decimals, never a float.
 * Prices and quantities come as texts and leave as texts.
 */

const PLAIN = /^(-?)(\d+)(?:\.(\d*))?$|^(-?)\.(\d+)$/;

/** The scaled integer of `text`, or null when it is no decimal or has more than `decimals` decimals. */
export function parse(text, decimals) {
  const match = PLAIN.exec(String(text).trim());
  if (match === null) return null;
  const sign = match[1] || match[4] || "";
  const fraction = (match[3] ?? match[5] ?? "").replace(/0+$/, "");
  if (fraction.length > decimals) return null;
  const digits = BigInt((match[2] ?? "0") + fraction.padEnd(decimals, "0"));
  return sign ? -digits : digits;
}

/** `value` with all its decimals: format(867000n, 1) is "86700.0". */
export function format(value, decimals) {
  const negative = value < 0n;
  const digits = (negative ? -value : value).toString().padStart(decimals + 1, "0");
  const whole = digits.slice(0, digits.length - decimals);
  const text = decimals ? `${whole}.${digits.slice(-decimals)}` : whole;
  return negative ? `-${text}` : text;
}

/** A decimal text without trailing zeros. */
export function trim(text) {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

/** A decimal text with thousands separators and a real minus sign, for reading only. */
export function group(text) {
  const [whole, fraction] = String(text).split(".");
  const grouped = whole.replace("-", "\u2212").replace(/\B(?=(\d{3})+(?!\d))/g, ",");
  return fraction === undefined ? grouped : `${grouped}.${fraction}`;
}

/** Any decimal text to exactly `places` decimals, cut towards zero: for summaries only. */
export function cut(text, places) {
  const [whole, fraction = ""] = String(text).split(".");
  return places ? `${whole}.${fraction.slice(0, places).padEnd(places, "0")}` : whole;
}

/** A fraction of up to nine decimals in percent, exactly: percent("0.0000125") is "0.00125". */
export function percent(text) {
  return group(trim(format(parse(text, 9), 7)));
}

/** Change from `first` to `last` in percent with two decimals and a sign, or null without a base. */
export function percentChange(first, last) {
  if (first === null || last === null || first <= 0n) return null;
  const hundredths = ((last - first) * 10000n) / first;
  const text = format(hundredths, 2);
  return hundredths > 0n ? `+${text}` : text.replace("-", "\u2212");
}

/** The class in which a signed decimal text is shown; zero is neither up nor down. */
export function tone(text) {
  if (!/[1-9]/.test(text)) return "dim";
  return /^[-\u2212]/.test(text) ? "down" : "up";
}

/** A short reading of a large amount: 1.23M. Summaries only. */
export function short(text) {
  const whole = String(text).split(".")[0];
  for (const [digits, unit] of [[9, "B"], [6, "M"], [3, "K"]]) {
    if (whole.length > digits) {
      return `${whole.slice(0, -digits)}.${whole.slice(-digits).slice(0, 2)}${unit}`;
    }
  }
  return cut(text, 2);
}
