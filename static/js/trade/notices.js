/** Notices of the account: a toast for each new one, and a list with what is unread. */

import { make, setText, stamp } from "./dom.js";
import { get, post } from "./http.js";

const POLL_MS = 2000;
const TOAST_MS = 12000;
// The words beside the colours.
const SEVERITIES = { Info: "Note", Warning: "Warning", Danger: "Urgent" };
const FRESH_MS = 3600000;
// On a phone there is room for one.
const TOASTS_MAX = 3;
// Kinds that say how an account stands.
const STANDINGS = new Set(["Healthy", "Low", "MarginCall", "LiquidationStarted", "Recovered", "Bankrupt"]);

/** Return which of the notices (newest first) get a toast, the oldest first.
 *
 * `seen` is the highest number that was shown before; null on a page that has just opened: then it
 * is the newest one only, if it is urgent, unread and of the last hour.
 */
export function toasted(notices, seen, now) {
  if (seen !== null) return notices.filter((one) => one.id > seen).reverse();
  const [newest] = notices;
  const isNews = newest && newest.severity === "Danger" && !newest.isRead;
  return isNews && now - Date.parse(newest.at) < FRESH_MS ? [newest] : [];
}

function head(notice) {
  // Of several accounts, whose it is.
  const title = notice.account === null ? notice.title : `${notice.account}: ${notice.title}`;
  return make(
    "p",
    { class: "notice-head" },
    make("span", { class: "severity", "data-severity": notice.severity }, SEVERITIES[notice.severity]),
    make("strong", {}, title),
    notice.isRead ? null : make("span", { class: "new" }, "New"),
  );
}

export class Notices {
  /** `opener` is the button that shows the list; `toasts` holds the two live regions. */
  constructor({ dialog, opener, toasts }) {
    this.dialog = dialog;
    this.opener = opener;
    this.toasts = toasts;
    this.account = dialog.dataset.account;
    this.seen = null;
    this.shown = "";
    // Up to which notice the server was last told that it is read.
    this.marked = null;
    opener.addEventListener("click", () => this.#open());
    document.addEventListener("visibilitychange", () => this.refresh());
    setInterval(() => this.refresh(), POLL_MS);
    this.refresh();
  }

  /** Ask for the notices, and show what is new. */
  async refresh() {
    if (document.hidden) return;
    const told = await get(this.dialog.dataset.path, { account: this.account }).catch(() => null);
    if (told !== null) this.show(told);
  }

  /** Show {unread, notices}, the newest first. */
  show({ unread, notices }) {
    for (const notice of toasted(notices, this.seen, Date.now())) this.#toast(notice);
    this.seen = Math.max(this.seen ?? 0, notices[0]?.id ?? 0);
    setText(this.opener.querySelector("[data-unread]"), unread ? (unread < 100 ? String(unread) : "99+") : "");
    this.opener.setAttribute("aria-label", unread ? `Notices, ${unread} unread` : "Notices");
    this.#list(notices);
    if (this.dialog.open && unread && this.marked !== this.seen) this.#markRead();
  }

  #list(notices) {
    const key = JSON.stringify(notices);
    // While it is read, nothing is marked off under the reader's eyes.
    const isRead = this.shown && this.dialog.open && notices.every((one) => one.isRead);
    if (this.shown === key || isRead) return;
    this.shown = key;
    this.dialog.querySelector("[data-list]").replaceChildren(...notices.map((one) => this.#row(one)));
    this.dialog.querySelector("[data-none]").hidden = notices.length > 0;
  }

  #open() {
    this.dialog.showModal();
    this.refresh();
  }

  async #markRead() {
    this.marked = this.seen;
    const csrf = this.dialog.querySelector("[name=csrfmiddlewaretoken]").value;
    const fields = { account: this.account, id: this.seen, csrfmiddlewaretoken: csrf };
    const told = await post(this.dialog.dataset.readPath, fields).catch(() => null);
    if (told !== null) this.show(told);
  }

  #row(notice) {
    return make(
      "li",
      { "data-notice": notice.id, "data-severity": notice.severity },
      head(notice),
      make("p", {}, notice.message),
      make("p", { class: "advice" }, notice.advice),
      make("p", { class: "dim" }, make("time", { datetime: notice.at }, `${stamp(notice.at)} UTC`)),
    );
  }

  #toast(notice) {
    const isUrgent = notice.severity === "Danger";
    const close = make("button", { type: "button", class: "link", "aria-label": "Dismiss this notice" }, "Dismiss");
    const toast = make(
      "div",
      { class: "toast", "data-severity": notice.severity, "data-kind": notice.kind, "data-account": notice.account ?? "" },
      head({ ...notice, isRead: true }),
      make("p", {}, notice.message),
      make("p", { class: "advice" }, notice.advice),
      isUrgent ? make("a", { class: "button", href: this.dialog.dataset.depositPath }, "Deposit") : null,
      " ",
      close,
    );
    this.toasts.querySelector(isUrgent ? "[data-alarms]" : "[data-news]").append(toast);
    close.addEventListener("click", () => toast.remove());
    // What is urgent stays until somebody has seen it.
    if (!isUrgent) setTimeout(() => toast.remove(), TOAST_MS);
    this.#makeRoom(toast);
  }

  // How an account stands is said once, by the newest; and toasts never fill the page.
  #makeRoom(newest) {
    const { kind, account } = newest.dataset;
    const all = [...this.toasts.querySelectorAll(".toast")].filter((one) => one !== newest);
    const isStale = (one) => STANDINGS.has(kind) && STANDINGS.has(one.dataset.kind) && one.dataset.account === account;
    const kept = all.filter((one) => !isStale(one));
    const room = matchMedia("(max-width: 759px)").matches ? 0 : TOASTS_MAX - 1;
    const tooMany = kept.slice(0, Math.max(0, kept.length - room));
    for (const one of all) if (isStale(one) || tooMany.includes(one)) one.remove();
  }
}
