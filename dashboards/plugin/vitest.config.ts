import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['src/**/*.test.{ts,tsx}'],
    setupFiles: ['vitest.setup.ts'],
    testTimeout: 60_000, // a busy machine is slow, not wrong
    // Grafana's components import styles, which Node cannot.
    server: { deps: { inline: [/@grafana\//, /@rc-component\//] } },
  },
})
