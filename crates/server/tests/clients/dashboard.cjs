// The dashboard in Debian's Chromium, while an unmodified client makes traffic.
const { execFileSync } = require("node:child_process");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const Redis = require("ioredis");
const { chromium } = require("playwright-core");
const { check, run, host, port } = require("./check.cjs");

const ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync"];

// Reads posts again and again, and invalidates one, until the page has shown what is waited for.
async function trafficUntil(client, shown) {
  let done = false;
  shown.then(() => (done = true), () => (done = true));
  while (!done) {
    for (let i = 1; i <= 10; i++) await client.get(`post:${i}`);
    await client.call("CW.INVALIDATE", "KEYS", "1", "post:3");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return shown;
}

run(async () => {
  const profile = fs.mkdtempSync(path.join(os.tmpdir(), "clearwell-dashboard-"));
  const client = new Redis({ host, port });
  const browser = await chromium.launchPersistentContext(profile, {
    executablePath: "/usr/bin/chromium", headless: true, args: ARGUMENTS, viewport: { width: 1280, height: 900 },
  });
  try {
    const page = await browser.newPage();
    const complaints = [];
    page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("requestfailed", (request) => complaints.push(`${request.url()}: ${request.failure().errorText}`));
    const answer = await page.goto(process.env.HTTP_URL, { waitUntil: "load" });
    check("the page is there", answer.status(), 200);
    check("it has a title", /clearwell/i.test(await page.title()));
    const asked = [];
    page.on("request", (request) => asked.push(request.url()));
    await trafficUntil(client, page.waitForFunction(
      () => parseFloat(document.querySelector("#hit-ratio")?.textContent) > 0, null, { timeout: 30_000 }));
    check("the hit ratio rises above nothing", true);
    await trafficUntil(client, page.waitForFunction(
      () => document.querySelector("#invalidations")?.textContent.includes("post:3"), null, { timeout: 30_000 }));
    check("an invalidation appears in the list", true);
    // What each keyspace's clients did, and how long a commit of somebody else took.
    await trafficUntil(client, page.waitForFunction(
      () => /post:\{id:int\}.*\/s.*%/.test(document.querySelector("#keyspaces")?.textContent ?? ""), null, { timeout: 30_000 }));
    execFileSync("sqlite3", ["-cmd", ".timeout 5000", path.join(process.env.DATA, "sample.db"), "UPDATE posts SET content = content || '!' WHERE id = 3"]);
    await page.waitForFunction(() => /[µms]s \/ .*s/.test(document.querySelector("#stages")?.textContent ?? ""), null, { timeout: 30_000 });
    check("a commit is told by its stages", (await page.textContent("#stages")).includes("main"));
    await page.screenshot({ path: process.env.PICTURE.replace(".png", "-keyspaces.png"), fullPage: true });
    await page.setViewportSize({ width: 420, height: 900 });
    const overflows = () => [...document.querySelectorAll("#keyspaces-panel .scroll, #stages-panel .scroll, body")].some((it) => it.scrollWidth > it.clientWidth);
    check("nothing sticks out of a narrow window", await page.evaluate(overflows), false);
    await page.screenshot({ path: process.env.PICTURE.replace(".png", "-narrow.png"), fullPage: true });
    await page.setViewportSize({ width: 1280, height: 900 });
    const sources = (text) => page.waitForFunction(
      (it) => document.querySelector("#sources")?.textContent.includes(it), text, { timeout: 30_000 });
    await sources("main verified");
    check("a source that is followed is shown as verified", true);
    const file = path.join(process.env.DATA, "sample.db");
    fs.renameSync(file, `${file}.away`);
    await sources("main UNVERIFIED since ");
    await page.screenshot({ path: process.env.PICTURE.replace(".png", "-unverified.png"), fullPage: true });
    check("the header says so too", (await page.textContent("#health-text")).includes("main UNVERIFIED"));
    fs.renameSync(`${file}.away`, file);
    await sources("main verified");
    await page.waitForFunction(
      () => document.querySelector("#invalidations").textContent.includes("Source main is verified again"), null, { timeout: 30_000 });
    check("the list tells when it was unverified and when no longer",
      (await page.textContent("#invalidations")).includes("Source main is UNVERIFIED"));
    // A key's history, its dependencies drawn, and an invalidation that is held and taken back.
    await client.call("CW.SET", "user:1", "ann");
    for (const key of ["page:1", "page:2"]) await client.call("CW.SET", key, "html", "DEPENDS", "1", "user:1");
    await client.call("CW.SET", "home", "html", "DEPENDS", "2", "page:1", "page:2");
    await page.fill("#key", "user:1");
    await page.click("#ask button");
    await page.waitForSelector(".graph .node.here", { timeout: 30_000 });
    check("the graph has a node for each name", await page.locator(".graph .node").count(), 4);
    check("and an edge for each dependency", await page.locator(".graph path").count(), 4);
    check("the story begins with the entry", (await page.textContent(".story")).includes("created"));
    await client.call("CW.INVALIDATE", "KEYS", "1", "user:1");
    await page.fill("#key", "home");
    await page.click("#ask button");
    await page.waitForFunction(() => document.querySelector(".story")?.textContent.includes("invalidated"), null, { timeout: 30_000 });
    check("the story says what took it away", (await page.textContent(".story")).includes('key "user:1" (cause command'));
    await client.call("CW.INVALIDATE", "TAGS", "1", "later", "MODE", "delayed:1h");
    await page.waitForSelector("#held tr button", { timeout: 30_000 });
    await page.screenshot({ path: process.env.PICTURE.replace(".png", "-history.png"), fullPage: true });
    await page.click("#held tr button");
    await page.waitForSelector("#held-panel", { state: "hidden", timeout: 30_000 });
    check("what was cancelled is not held", (await client.call("CW.HELD", "LIST")).length, 0);
    // A job that loads keys, followed and ended.
    const keys = Array.from({ length: 60 }, (_, at) => `post:${at + 1}`);
    await client.call("CW.WARM", "KEYS", String(keys.length), ...keys, "RATE", "1", "REFRESH");
    await page.waitForSelector("#warming tr button", { timeout: 30_000 });
    check("the job has a bar of its keys", await page.locator("#warming progress").evaluate((bar) => bar.max), keys.length);
    await page.screenshot({ path: process.env.PICTURE.replace(".png", "-warming.png"), fullPage: true });
    await page.click("#warming tr button");
    await page.waitForFunction(() => document.querySelector("#warming")?.textContent.includes("cancelled"), null, { timeout: 30_000 });
    check("the job was ended by the page", (await client.call("CW.WARM", "CANCEL", "1")), 0);
    check("nothing comes from elsewhere", asked.filter((url) => !url.startsWith(process.env.HTTP_URL)), []);
    check("no error on the console", complaints, []);
    await page.screenshot({ path: process.env.PICTURE, fullPage: true });
    check("a picture was taken", fs.statSync(process.env.PICTURE).size > 0);
  } finally {
    await browser.close();
    fs.rmSync(profile, { recursive: true, force: true });
    client.disconnect();
  }
});
