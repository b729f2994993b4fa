// Checks that print what they found; the first false one ends the script.
const assert = require("node:assert/strict");

const host = process.env.RESP_HOST;
const port = Number(process.env.RESP_PORT);

function check(name, actual, expected = true) {
  try {
    assert.deepEqual(actual, expected);
  } catch (error) {
    console.log(`FAILED ${name}: ${error.message}`);
    process.exit(1);
  }
  console.log(`ok     ${name}`);
}

// Runs a script that must not hang, nor end before it is done.
function run(main) {
  const alarm = setTimeout(() => {
    console.log("FAILED: not done after two minutes");
    process.exit(1);
  }, 120_000);
  main().then(
    () => clearTimeout(alarm),
    (error) => {
      console.log("FAILED", error);
      process.exit(1);
    },
  );
}

module.exports = { check, run, host, port };
