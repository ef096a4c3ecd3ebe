// The store.

declare module 'snow' {
  /** What a key of a {@link Bucket} holds. */
  export interface Entry {
    readonly value: Uint8Array<ArrayBuffer>;
    /** Tells this content from every other. A later version of a key is a higher number. */
    readonly version: number;
    /** The value as text, with U+FFFD for what is not UTF-8. */
    text(): string;
    /** The text, parsed. */
    json(): any;
  }
  /** What a bucket can keep: a text, bytes, or any other value as JSON. */
  export type Storable = Json | Uint8Array | ArrayBuffer | Entry;

  /**
   * State that outlives a call: keys, each with a value. Nothing of it is to be awaited but
   * {@link changed}. Each method throws a {@link StoreError}.
   */
  export interface Bucket {
    readonly name: string;

    /** Returns what a key holds; null if it does not exist. */
    get(key: string): Entry | null;

    /**
     * Sets a key, and returns its new version.
     *
     * @param options `expiresMs`: how long the entry exists, in milliseconds; without it until it is
     * deleted. `only`: when it is set: if the key is absent, or has this version.
     */
    set(
      key: string,
      value: Storable,
      options?: { expiresMs?: number; only?: 'absent' | number | Entry },
    ): number;

    /** Deletes a key; false if it did not exist. */
    delete(key: string, options?: { only?: 'absent' | number | Entry }): boolean;

    /**
     * Adds to a key's value, an integer in decimal digits, and returns the sum: a bigint if a number
     * does not hold it exactly. A key that does not exist counts as 0.
     */
    increment(key: string, by?: number): number;
    increment(key: string, by: bigint): number | bigint;

    /**
     * Returns the keys that begin with a text, in the order of their bytes. They are asked for page
     * by page, and each page shows its moment.
     */
    keys(prefix?: string): IterableIterator<string>;

    /**
     * Creates a pending that is settled with the key's value once its version is no longer `since`:
     * an entry, its version, or null for a key that does not exist. No change is lost between a look
     * and the wait. If the key is deleted or expires, that is a {@link Failure} with the code
     * `deleted`.
     */
    changed(key: string, since?: Entry | number | null): Pending;

    /**
     * Sets a key to what `change` makes of what it holds, and tries again if another request was
     * faster: no change is lost. Returns what was set. The entry has no expiry.
     */
    update(key: string, change: (held: Entry | null) => Storable): Entry;
  }

  /**
   * Returns a bucket: the guest's own, or another one that it may use, whose name begins with the
   * guest's and a slash (`shop/orders`) or is granted in snow.toml. It asks the host for nothing, and
   * may stand at the top of a file.
   */
  export function bucket(name?: string): Bucket;

  /** Why the store did nothing. */
  export class StoreError extends Error {
    private constructor();
    readonly code: 'denied' | 'conflict' | 'limit' | 'not-an-integer' | 'unavailable';
    /** After a `conflict`, what the key holds instead; null if it does not exist. */
    readonly entry: Entry | null;
  }
}
