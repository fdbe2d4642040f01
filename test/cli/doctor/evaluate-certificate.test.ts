import { expect, test } from "bun:test";
import { evaluateTls, type TlsFacts } from "../../../src/cli/doctor/certificate.ts";
import { describeEvaluation } from "./describe-evaluation.ts";

const DAY = 86_400_000;
const NOW = 1_000 * DAY;
const leaf = (until: number, from = -60, fingerprint = "A") => ({
  names: "h",
  from: NOW + from * DAY,
  until: NOW + until * DAY,
  fingerprint,
});

describeEvaluation<TlsFacts>(
  "certificates",
  {
    file: leaf(40),
    keyFits: true,
    keyIsOpen: false,
    isChain: true,
    served: leaf(40),
    refusedFor: undefined,
    now: NOW,
  },
  evaluateTls,
  [
    [
      "problem",
      "A server cannot speak TLS: TLS_CERT=x cannot be read.",
      { file: "TLS_CERT=x cannot be read" },
    ],
    ["problem", "TLS_KEY does not belong to TLS_CERT.", { keyFits: false }],
    ["warning", "can read TLS_KEY", { keyIsOpen: true }],
    ["warning", "not a chain in the right order", { isChain: false }],
    ["warning", "another certificate than the one in TLS_CERT", { file: leaf(80, -1, "B") }],
    ["problem", "The certificate in TLS_CERT for h expired", { file: leaf(-1, -60, "B") }],
    ["problem", "expired on", { served: leaf(-1), file: undefined }],
    ["problem", "is not valid before", { served: leaf(80, 1), file: undefined }],
    ["warning", "expires in 20 days", { served: leaf(20), file: undefined }],
    ["problem", "expires in 4 days", { served: leaf(4), file: undefined }],
    // One for six days is renewed in its fourth.
    ["ok", "", { served: leaf(4, -2), file: undefined }],
    ["warning", "expires in 1 days", { served: leaf(1.5, -4.5), file: undefined }],
    ["problem", "Clients reject the certificate (SELF_SIGNED_CERT)", { refusedFor: "SELF_SIGNED_CERT" }],
    ["skipped", "No server with TLS responds.", { served: undefined, file: undefined }],
  ],
);

test("the advice for a certificate that has expired is not a restart, which would cut everybody off", () => {
  const facts = { keyFits: true, keyIsOpen: false, isChain: true, refusedFor: undefined, now: NOW };
  const { findings } = evaluateTls({ ...facts, file: leaf(-1), served: leaf(-1) });
  expect(findings.map(({ mark, advice }) => [mark, advice])).toEqual([
    ["problem", expect.stringContaining("within seconds, and needs no restart")],
  ]);
});
