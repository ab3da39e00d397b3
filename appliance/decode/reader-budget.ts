/** What readers keep, and what they could not. */
export interface BudgetCounters {
  /** Octets that readers keep at present. */
  readerBytes: number;
  /** Parts of messages and tables that were let go since what all readers keep together had reached its limit. */
  readersNoRoom: number;
}

export function zeroBudgetCounters(): BudgetCounters {
  return { readerBytes: 0, readersNoRoom: 0 };
}

/** Octets that the readers of all sessions may keep from one segment to another, together. */
export class ReaderBudget {
  readonly #counters: BudgetCounters;
  readonly #maxBytes: number;

  constructor(maxBytes: number, counters: BudgetCounters) {
    this.#maxBytes = maxBytes;
    this.#counters = counters;
  }

  /** False, which is counted, when there is no room for them. */
  take(bytes: number): boolean {
    const counters = this.#counters;
    if (counters.readerBytes + bytes > this.#maxBytes) {
      counters.readersNoRoom++;
      return false;
    }
    counters.readerBytes += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#counters.readerBytes -= bytes;
  }
}

/** What one reader has of the budget. */
export class Allowance {
  readonly #budget: ReaderBudget;
  #heldBytes = 0;

  constructor(budget: ReaderBudget) {
    this.#budget = budget;
  }

  /** False when nothing more can be kept. */
  take(bytes: number): boolean {
    if (!this.#budget.take(bytes)) return false;
    this.#heldBytes += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#heldBytes -= bytes;
    this.#budget.give(bytes);
  }

  /** The reader keeps nothing any more. */
  giveAll(): void {
    this.give(this.#heldBytes);
  }
}

/** For a reader that is alone. */
export function ownAllowance(): Allowance {
  return new Allowance(new ReaderBudget(Number.MAX_SAFE_INTEGER, zeroBudgetCounters()));
}
