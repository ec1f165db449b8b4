/** Hosts of the tests, in pinned versions. */

import { installNpmPackages, type NpmPackages } from "../support/npm_packages.ts";

const PACKAGES = {
  "@openai/codex": "0.171.0",
  "opencode-ai": "1.18.33",
  "ai": "7.0.173",
  "@ai-sdk/mcp": "2.0.99",
  "@ai-sdk/openai-compatible": "3.0.92",
  "@mastra/core": "1.71.0",
  "@mastra/mcp": "2.0.0",
};

/** Installs every host. */
export function installHosts(): Promise<NpmPackages> {
  return installNpmPackages(PACKAGES);
}
