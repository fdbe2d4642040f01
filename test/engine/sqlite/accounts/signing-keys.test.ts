import { signingKeyContract } from "../../../contracts/signing-keys.ts";
import { openSubject } from "../store-subject.ts";

signingKeyContract("sqlite", async (clock) => {
  const { subject, ...rest } = await openSubject("signingKeys", clock);
  return { signingKeys: subject, ...rest };
});
