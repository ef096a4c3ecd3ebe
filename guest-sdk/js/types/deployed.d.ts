// What the deployer says.

declare module 'snow' {
  /**
   * A text that is not shown by accident: templates and JSON have `Secret(…)` in its place, and the
   * log shows nothing of it.
   */
  export interface Secret {
    /** Returns the text. */
    expose(): string;
  }

  /**
   * What the deployer says in `[guest.NAME.config]` of snow.toml. A change takes effect with the next
   * call, so it is to be read in a call, and not at the top of a file.
   */
  export const config: {
    /** Returns the value of this name; undefined if the deployer gives none. */
    get(name: string): string | undefined;
    /**
     * Returns the value of this name as another kind of value, `config.parsed('page_size',
     * 'integer', 20)`; the fallback if the deployer gives none.
     *
     * For a text that is not of this kind it throws an error: the client gets a 500, and the line in
     * the log names the value and does not show it.
     */
    parsed<K extends Kind>(name: string, kind: K): ParsedAs<K> | undefined;
    parsed<K extends Kind, F>(name: string, kind: K, fallback: F): ParsedAs<K> | F;
    /**
     * Returns the secret of this name; undefined if the deployer gives none. Any value can be taken
     * as a secret.
     */
    secret(name: string): Secret | undefined;
    /** Returns all names and values that are no secrets. */
    all(): Map<string, string>;
  };

  /** Where clients find this guest. A path begins with a slash, and may have a query. */
  export const deployment: {
    /** What the paths of this guest begin with, as clients see them: `/shop`, or nothing. */
    readonly mount: string;
    /** The URL of the guest's root, without a slash at its end; null if the host knows none. */
    readonly baseUrl: string | null;
    /** The path for cookies that this guest alone shall get: `/shop`, or `/`. */
    readonly cookiePath: string;
    /** Returns the link to a path: a whole URL if the host knows it, else as `pathFor`. */
    urlFor(path: string): string;
    /** Returns the link to a path on the same server, for a page or a redirect. */
    pathFor(path: string): string;
  };
}
