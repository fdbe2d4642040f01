-- Included by the scripts that compare a migration with its source; src/engine/redis/migration/checksum.ts computes the same.

-- Adds a text to a sum, which does not depend on the order of the texts.
local function checksum_add(sum, text)
  return (sum + tonumber(string.sub(redis.sha1hex(text), 1, 12), 16)) % 4503599627370496
end
