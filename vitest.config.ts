import { defineConfig } from 'vitest/config';

/**
 * Three layers: pure functions and view models; an in-process SSH server for faults; real lab hosts for the truth. And `vm`:
 * what only a kernel of its own can show, on virtual machines, which takes too long for every run.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          testTimeout: 60_000,
          include: ['test/**/*.test.ts'],
          exclude: ['test/e2e/**', 'test/ssh/server/**', 'test/vm/**'],
        },
      },
      { test: { name: 'ssh', include: ['test/ssh/server/**/*.test.ts'], testTimeout: 30_000 } },
      {
        test: {
          name: 'lab',
          include: ['test/e2e/**/*.test.ts'],
          globalSetup: ['test/e2e/lab.setup.ts'],
          testTimeout: 300_000,
          hookTimeout: 600_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'vm',
          include: ['test/vm/**/*.test.ts'],
          globalSetup: ['test/vm/vm.setup.ts'],
          testTimeout: 1_800_000,
          hookTimeout: 1_800_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
