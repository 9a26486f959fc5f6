// The clocks of the reporting zone.

import { DAY, clock } from "./figures.js";

/** Return what the clocks of `zone` are ahead of UTC at that time, in ms. */
export function zoneOffset(ms, zone) {
  const shape = { ...DAY, hour: "2-digit", minute: "2-digit", second: "2-digit" };
  const said = Object.fromEntries(clock(zone, shape).formatToParts(ms).map(({ type, value }) => [type, Number(value)]));
  const there = Date.UTC(said.year, said.month - 1, said.day, said.hour, said.minute, said.second);
  return there - Math.floor(ms / 1000) * 1000;
}
