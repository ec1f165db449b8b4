/**
 * Keeps one core busy until it is killed: the background load of `start.ts`.
 *
 * @module
 */

for (;;);
