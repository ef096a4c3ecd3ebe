// node two_tabs.js CHROMIUM URL CHANGES [FAULT]: what two tabs with the page of `guests/parcels` show of
// so many changes of one parcel. Prints a JSON array of both tabs' lines.
//
// With a FAULT, the second tab's answers are tampered with, which the test has to find: `skip` leaves a
// change out, `repeat` tells one twice, `swap` tells two in the wrong order.

"use strict";

const { chromium } = require("playwright-core");

const PATIENCE_MS = 60_000;
// Tells a tab that all changes are announced: what comes after its line would be too late.
const LAST = "the last one";

/**
 * Changes the first answer to the page's wait. The wait begins when all changes are announced, so that
 * the answer has many.
 * @param {import("playwright-core").Page} tab
 * @param {string} fault
 * @param {Promise<void>} announced
 */
async function tamper(tab, fault, announced) {
  let isDone = false;
  await tab.route("**/parcels/watch", async (route) => {
    await announced;
    const response = await route.fetch({ timeout: PATIENCE_MS });
    if (isDone || response.status() !== 200) return route.fulfill({ response });
    const news = await response.json();
    const { changes } = news.parcels[0];
    isDone = true;
    if (fault === "skip") changes.shift();
    if (fault === "repeat") changes.unshift(changes[0]);
    if (fault === "swap") changes.unshift(...changes.splice(1, 1));
    return route.fulfill({ response, json: news });
  });
}

/**
 * Announces a status of the parcel `p`.
 * @param {string} url
 * @param {string} status
 */
async function announce(url, status) {
  const headers = { "content-type": "application/json" };
  const body = JSON.stringify({ id: "p", status });
  const response = await fetch(`${url}/parcels`, { method: "POST", headers, body });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
}

/**
 * Waits until a tab shows the last change. Returns its lines.
 * @param {import("playwright-core").Page} tab
 */
async function lines(tab) {
  await tab.locator("#log li", { hasText: LAST }).first().waitFor({ timeout: PATIENCE_MS });
  return tab.locator("#log li").allTextContents();
}

/** @param {string[]} words */
async function main([executablePath, url, changes, fault]) {
  await announce(url, "status 1");
  // Containers have no namespaces to make a sandbox of. The only page comes from the test's server.
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  try {
    const context = await browser.newContext();
    const tabs = [await context.newPage(), await context.newPage()];
    /** @type {() => void} */
    let go;
    const announced = new Promise((resolve) => { go = resolve; });
    if (fault) await tamper(tabs[1], fault, announced);
    for (const tab of tabs) {
      await tab.goto(`${url}/parcels-ui/`);
      await tab.locator("#parcel-p").waitFor({ timeout: PATIENCE_MS });
    }
    for (let number = 2; number <= Number(changes) + 1; number += 1) await announce(url, `status ${number}`);
    await announce(url, LAST);
    go();
    console.log(JSON.stringify(await Promise.all(tabs.map(lines))));
    // The pages wait for further changes, and the browser ends under them.
    await Promise.all(tabs.map((tab) => tab.unrouteAll({ behavior: "ignoreErrors" })));
  } finally {
    await browser.close();
  }
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exit(1);
});
