import { revocationContract } from "../../../contracts/revocations.ts";
import { openSubject } from "../store-subject.ts";

revocationContract("sqlite", async (clock) => {
  const { subject, ...rest } = await openSubject("revocations", clock);
  return { revocations: subject, ...rest };
});
