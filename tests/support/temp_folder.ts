/** A temporary folder. */
export interface TempFolder extends AsyncDisposable {
  readonly path: string;
}

/** Makes a temporary folder, which is removed on disposal. */
export async function tempFolder(): Promise<TempFolder> {
  const path = await Deno.makeTempDir();
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}
