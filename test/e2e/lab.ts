import { inject } from 'vitest';
import { type Lab, openLab } from '../../src/lab/index.js';

declare module 'vitest' {
  interface ProvidedContext {
    readonly labName: string;
    readonly labFolder: string;
  }
}

/** The lab that all tests of this run share: three hosts, as `mesh lab up` makes them. */
export async function sharedLab(): Promise<Lab & { readonly folder: string }> {
  return { ...(await openLab(inject('labName'))), folder: inject('labFolder') };
}
