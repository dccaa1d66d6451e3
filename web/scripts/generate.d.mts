// The type of what the generator lends to the test that looks for stale files.
export function typesOf(document: string): Promise<string>;
