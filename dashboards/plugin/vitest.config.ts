import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['src/**/*.test.{ts,tsx}'],
    setupFiles: ['vitest.setup.ts'],
    // Grafana's components import styles, which Node cannot.
    server: { deps: { inline: [/@grafana\//, /@rc-component\//] } },
  },
})
