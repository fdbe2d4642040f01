import { expect, test } from "bun:test";
import { makeWebhookSecret, signWebhook, webhookKeyOf } from "../../../src/server/webhooks/signature.ts";

test("a signature is that of the vector which the libraries of Standard Webhooks test with", () => {
  const key = webhookKeyOf("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")!;
  const parts = { id: "msg_p5jXN8AQM9LWM0D4loKWxJek", at: 1614265330_999, body: '{"test": 2432232314}' };
  const fields = signWebhook(parts, [key]);
  expect(fields).toEqual({
    "webhook-id": parts.id,
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
  });
  const other = webhookKeyOf(makeWebhookSecret())!;
  const both = signWebhook(parts, [other, key])["webhook-signature"].split(" ");
  expect(both).toHaveLength(2);
  expect(both[1]).toBe(fields["webhook-signature"]);
});

test("a secret that is no key of 24 to 64 bytes is refused", () => {
  const secret = (bytes: number) => `whsec_${Buffer.alloc(bytes, 7).toString("base64")}`;
  for (const good of [secret(24), secret(64), secret(32).replace(/=+$/, "")])
    expect(webhookKeyOf(good)).toBeDefined();
  for (const bad of [secret(23), secret(65), secret(32).slice(6), `${secret(32)}*`, "whsec_", ""])
    expect(webhookKeyOf(bad)).toBeUndefined();
});
