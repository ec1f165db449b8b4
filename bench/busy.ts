/**
 * Keeps one core busy until it is killed: what `start.ts` starts servers beside.
 *
 * @module
 */

for (;;);
