// Asks with OpenFeature's web provider for JavaScript: one request whenever the context changes.
"use strict";

const { load, input, output, recording, details, told } = require("./asking.cjs");
const { OpenFeature, ProviderEvents } = load("@openfeature/web-sdk");
const { OFREPWebProvider } = load("@openfeature/ofrep-web-provider");

async function main() {
  const { url, key, questions } = input();
  const requests = [];
  const events = [];
  const provider = new OFREPWebProvider({
    baseUrl: url,
    headers: [["Authorization", `Bearer ${key}`]],
    fetchImplementation: recording(requests),
    cacheMode: "disabled",
  });
  await OpenFeature.setContext(questions[0].context);
  await OpenFeature.setProviderAndWait(provider).catch((error) => events.push(`not ready: ${error.code}`));
  for (const event of [ProviderEvents.Stale, ProviderEvents.Error]) {
    OpenFeature.addHandler(event, () => events.push(event));
  }
  const client = OpenFeature.getClient();
  const answers = [];
  for (const question of questions) {
    if (question !== questions[0]) {
      await OpenFeature.setContext(question.context);
    }
    answers.push(told(details(client, question)));
  }
  output({ answers, requests, events });
}

main();
