// OpenAI's own client for Node: prints as JSON how each check went.
import assert from "node:assert/strict";
import OpenAI from "openai";

const { BASE_URL, TOKEN, CONTROL } = process.env;
const client = new OpenAI({ baseURL: `${BASE_URL}/v1`, apiKey: TOKEN, maxRetries: 0 });
const messages = [{ role: "user", content: "How do tides work?" }];
const weather = { type: "function", function: { name: "weather", parameters: { type: "object", properties: {} } } };
const asked = (model) => ({ model, messages, max_tokens: 500 });

async function script(model, behaviour) {
  await fetch(`${CONTROL}/control/script`, { method: "POST", body: JSON.stringify({ model, ...behaviour }) });
}

const ofBoth = {
  async chat(prefix) {
    const answer = await client.chat.completions.create(asked(`${prefix}plain`));
    assert.match(answer.choices[0].message.content, /^## Tides/);
    assert.ok(answer.usage.completion_tokens > 100);
  },
  async stream(prefix) {
    let said = "";
    let usage = null;
    const chunks = await client.chat.completions.create({
      ...asked(`${prefix}plain`),
      stream: true,
      stream_options: { include_usage: true },
    });
    for await (const chunk of chunks) {
      said += chunk.choices[0]?.delta?.content ?? "";
      usage = chunk.usage ?? usage;
    }
    assert.match(said, /^## Tides/);
    assert.ok(usage.completion_tokens > 100);
  },
  async tools(prefix) {
    const runner = client.chat.completions.stream({ ...asked(`${prefix}tools`), tools: [weather] });
    const message = await runner.finalMessage();
    assert.deepEqual(
      message.tool_calls.map((call) => [call.function.name, JSON.parse(call.function.arguments)]),
      [["weather", { city: "Paris" }], ["clock", {}]],
    );
  },
  async breaksInMidStream(prefix) {
    await script("breaks", { rate: 50, breaks_with: "error" });
    const chunks = await client.chat.completions.create({ ...asked(`${prefix}breaks`), stream: true });
    await assert.rejects(async () => {
      for await (const chunk of chunks) assert.ok(chunk.id);
    }, OpenAI.APIError);
  },
};
const ofOne = {
  async rawResponse() {
    const { response, request_id: id } = await client.chat.completions.create(asked("openai/plain")).withResponse();
    assert.equal(id, response.headers.get("x-request-id"));
  },
  async retries() {
    await script("flaky", { status: 503, times: 3 });
    const answer = await client.chat.completions.create(asked("openai/flaky"), { maxRetries: 2 });
    assert.match(answer.choices[0].message.content, /^## Tides/);
  },
  async timeouts() {
    const asking = client.chat.completions.create(asked("openai/slow-headers-3"), { timeout: 400 });
    await assert.rejects(asking, OpenAI.APIConnectionTimeoutError);
  },
  async aborts() {
    const chunks = await client.chat.completions.create({ ...asked("openai/paced-20"), stream: true });
    for await (const chunk of chunks) {
      assert.ok(chunk.id);
      chunks.controller.abort();
    }
  },
  async errors() {
    await assert.rejects(client.chat.completions.create(asked("nowhere/nothing")), OpenAI.NotFoundError);
    await assert.rejects(client.chat.completions.create({ model: "openai/plain" }), OpenAI.BadRequestError);
    const stranger = new OpenAI({ baseURL: `${BASE_URL}/v1`, apiKey: "olv_no-such-key", maxRetries: 0 });
    await assert.rejects(stranger.models.list(), OpenAI.AuthenticationError);
  },
  async theRestOfTheApi() {
    const ids = [];
    for await (const model of client.models.list()) ids.push(model.id);
    assert.ok(ids.includes("openai/plain"));
    const vectors = await client.embeddings.create({ model: "openai/embed", input: "four" });
    assert.equal(vectors.data[0].embedding[0], 4);
    const answer = await client.responses.create({ model: "openai/no-responses", input: "How do tides work?" });
    assert.match(answer.output_text, /^## Tides/);
    const final = await client.responses.stream({ model: "openai/plain", input: "How do tides work?" }).finalResponse();
    assert.match(final.output_text, /^## Tides/);
  },
};

const outcomes = {};
async function check(name, work) {
  try {
    await work();
    outcomes[name] = "ok";
  } catch (error) {
    outcomes[name] = String(error.stack ?? error).slice(0, 2000);
  }
}
for (const [name, work] of Object.entries(ofBoth)) {
  for (const prefix of ["openai/", "anthropic/"]) await check(`${name} ${prefix.slice(0, -1)}`, () => work(prefix));
}
for (const [name, work] of Object.entries(ofOne)) await check(name, work);
console.log(JSON.stringify(outcomes));
process.exit(0);
