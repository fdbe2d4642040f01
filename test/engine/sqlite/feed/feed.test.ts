import { feedContract } from "../../../contracts/feed/contract.ts";
import { openWithMembers } from "../open-with-members.ts";

feedContract("sqlite", openWithMembers);
