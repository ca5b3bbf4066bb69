// Asks with OpenFeature's server provider for JavaScript: one request for each question.
"use strict";

const { load, input, output, recording, details, told } = require("./asking.cjs");
const { OpenFeature } = load("@openfeature/server-sdk");
const { OFREPProvider } = load("@openfeature/ofrep-provider");

async function main() {
  const { url, key, questions } = input();
  const requests = [];
  const provider = new OFREPProvider({
    baseUrl: url,
    headers: [["Authorization", `Bearer ${key}`]],
    fetchImplementation: recording(requests),
  });
  await OpenFeature.setProviderAndWait(provider);
  const client = OpenFeature.getClient();
  const answers = [];
  for (const question of questions) {
    answers.push(told(await details(client, question, question.context)));
  }
  output({ answers, requests });
}

main();
