// What both programs beside this share: where the packages are, a fetch that keeps a record, and questions.
// Each reads one JSON document from standard input, {url, key, questions}, and writes one, {answers, requests}.
"use strict";

const { readFileSync } = require("node:fs");
const { createRequire } = require("node:module");

exports.load = createRequire(`${process.env.OFREP_PACKAGES}/`);

exports.input = () => JSON.parse(readFileSync(0, "utf8"));

exports.output = (answer) => process.stdout.write(JSON.stringify(answer), () => process.exit(0));

exports.recording = (requests) => async (request, options) => {
  const ifNoneMatch = request.headers.get("if-none-match");
  const response = await fetch(request, options);
  requests.push({ status: response.status, ifNoneMatch });
  return response;
};

exports.details = (client, question, ...context) => {
  const ask = {
    boolean: client.getBooleanDetails,
    string: client.getStringDetails,
    integer: client.getNumberDetails,
    float: client.getNumberDetails,
    object: client.getObjectDetails,
  }[question.type];
  return ask.call(client, question.flag, question.default, ...context);
};

exports.told = (details) => ({
  value: details.value,
  reason: details.reason,
  variant: details.variant ?? null,
  errorCode: details.errorCode ?? null,
  metadata: details.flagMetadata,
});
