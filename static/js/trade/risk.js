/** The parts of the trading page that tell of risk: the market's state, notices, ADL. */

import { AdlLights } from "./adl.js";
import { MarketState } from "./market-state.js";
import { Notices } from "./notices.js";

const find = (selector) => document.querySelector(selector);

function start() {
  const page = JSON.parse(find("#page-data").textContent);
  const market = page.markets.find((one) => one.symbol === page.symbol);
  new MarketState({ root: find("#market-state"), figure: find("[data-market-state]"), market });
  const dialog = find("#notices");
  // Only who has an account has notices.
  if (dialog === null) return;
  new Notices({ dialog, opener: find("[data-open-notices]"), toasts: find("[data-toasts]") });
  const { adlPath, account } = dialog.dataset;
  new AdlLights({ panel: find("#table-positions"), path: adlPath, account });
}

start();
