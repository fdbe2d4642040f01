import { memberContract } from "../../../contracts/members.ts";
import { openWithMembers } from "../open-with-members.ts";

memberContract("sqlite", openWithMembers);
