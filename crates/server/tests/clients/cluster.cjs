// The cluster's room on the dashboard, in Debian's Chromium: what two nodes promise, who has a key, and a majority that is lost.
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { chromium } = require("playwright-core");
const { check, run } = require("./check.cjs");

const ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const { HTTP_URL, PICTURE, STAGE } = process.env;

const says = (page, text) => page.waitForFunction(
  (it) => document.querySelector("#cluster-says")?.textContent.includes(it), text, { timeout: 30_000 });

async function two(page) {
  await says(page, "Two nodes have one voice");
  check("the worst sentence is marked", await page.locator("#cluster-says .at-risk").count(), 1);
  check("each node has a row", await page.locator("#cluster-nodes tr").count(), 2);
  const rows = await page.textContent("#cluster-nodes");
  check("nodes have a state, slots and a lease", /up, voter/.test(rows) && /\d,\d{3}/.test(rows) && /ms/.test(rows));
  check("the other node's page is a link", await page.locator("#cluster-nodes a").count(), 1);
  // A key of this node, and one of the other.
  const keys = await page.evaluate(async () => {
    const found = {};
    for (let at = 0; at < 20; at++) {
      const { place } = await (await fetch(`/api/cache/cluster?key=key:${at}`)).json();
      found[place.here ? "here" : "there"] ??= `key:${at}`;
    }
    return found;
  });
  for (const [which, key] of Object.entries(keys)) {
    await page.evaluate(() => document.querySelector("#answer").replaceChildren());
    await page.fill("#key", key);
    await page.click("#ask button");
    await page.waitForFunction((it) => document.querySelector("#answer .story") && document.querySelector("#key").value === it
      && document.querySelector("#answer dl")?.textContent.includes("Replicas"), key, { timeout: 30_000 });
    const answer = await page.textContent("#answer");
    check(`a key that is ${which} says its owner and its replica`, /Ownernode \d+/.test(answer) && /Replicasnode \d+/.test(answer));
    check(`a key that is ${which} says who serves it`, answer.includes("by its owner"), which === "there");
  }
}

run(async () => {
  const profile = fs.mkdtempSync(path.join(os.tmpdir(), "clearwell-cluster-"));
  const browser = await chromium.launchPersistentContext(profile, {
    executablePath: "/usr/bin/chromium", headless: true, args: ARGUMENTS, viewport: { width: 1280, height: 900 },
  });
  try {
    const page = await browser.newPage();
    const complaints = [];
    page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(String(error)));
    await page.goto(HTTP_URL, { waitUntil: "load" });
    if (STAGE === "two") await two(page);
    if (STAGE === "lost") {
      await says(page, "This side acknowledges nothing");
      check("the sentence is marked", await page.locator("#cluster-says .stopped").count() > 0);
      check("the node that is gone is down", /down/.test(await page.textContent("#cluster-nodes")));
    }
    await page.screenshot({ path: PICTURE, fullPage: true });
    await page.setViewportSize({ width: 420, height: 900 });
    const overflows = () => [...document.querySelectorAll("#cluster-panel .scroll, body")].some((it) => it.scrollWidth > it.clientWidth);
    check("nothing sticks out of a narrow window", await page.evaluate(overflows), false);
    await page.screenshot({ path: PICTURE.replace(".png", "-narrow.png"), fullPage: true });
    check("no error on the console", complaints, []);
  } finally {
    await browser.close();
    fs.rmSync(profile, { recursive: true, force: true });
  }
});
