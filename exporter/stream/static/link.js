// One connection by one transport, from opening it to its end. It ends once, and says nothing after that.

/** Time for a connection to stand; a proxy that swallows one answers nothing at all. */
const OPEN_MS = 8_000;

export class Link {
  /** When it came to stand, in ms of the world's stopwatch; null until then. */
  upAt = null;
  over = false;

  #patience;
  #owner;
  #close = null;

  /** `owner` hears `stands(link)`, `told(link, message)`, and at the end `ended(link, { reason, status })`. */
  constructor(name, { world, base, cursor, headers, ticket }, owner) {
    Object.assign(this, { name, world, base, cursor, headers, ticket });
    this.#owner = owner;
    this.#patience = world.later(() => this.down({}), OPEN_MS);
  }

  open(transport) {
    try {
      this.#close = transport(this);
    } catch (error) {
      this.down({ reason: error.message }); // an address that is none, or a page that may not connect there
    }
  }

  up() {
    if (this.over) return;
    this.world.never(this.#patience);
    this.upAt = this.world.elapsed();
    this.#owner.stands(this);
  }

  told(message) {
    if (!this.over) this.#owner.told(this, message);
  }

  down({ reason = "", status = 0 } = {}) {
    if (this.over) return;
    this.end();
    this.#owner.ended(this, { reason, status });
  }

  /** Close it without a word. */
  end() {
    if (this.over) return;
    this.over = true;
    this.world.never(this.#patience);
    this.#close?.();
  }
}
