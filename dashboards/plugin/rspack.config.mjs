// Builds dist/ as Grafana loads it: one AMD module that takes what Grafana shares
// from Grafana, plugin.json with its version, and the texts.
import { rspack } from '@rspack/core'
import pkg from './package.json' with { type: 'json' }

const shared = ['react', 'react-dom', '@grafana/data', '@grafana/runtime', '@grafana/ui']
const today = process.env.SOURCE_DATE ?? new Date().toISOString().slice(0, 10)
const filled = (text) => String(text).replaceAll('%VERSION%', pkg.version).replaceAll('%TODAY%', today)

export default {
  mode: 'production',
  context: import.meta.dirname,
  entry: { module: './src/module.ts' },
  // Without a map nobody finds paths of the machine that built it.
  devtool: false,
  stats: 'errors-warnings',
  externals: shared,
  resolve: { extensions: ['.ts', '.tsx', '.js'] },
  module: { rules: [{ test: /\.tsx?$/, loader: 'builtin:swc-loader', options: { jsc: { parser: { syntax: 'typescript', tsx: true }, transform: { react: { runtime: 'classic' } }, target: 'es2022' } }, type: 'javascript/auto' }] },
  output: { filename: '[name].js', path: `${import.meta.dirname}/dist`, library: { type: 'amd' }, publicPath: `public/plugins/${pkg.name}/`, uniqueName: pkg.name },
  plugins: [
    new rspack.CopyRspackPlugin({
      patterns: [
        { from: 'src/plugin.json', transform: filled },
        { from: 'src/img', to: 'img' },
        { from: 'README.md', transform: filled },
        { from: 'CHANGELOG.md' },
        { from: '../../LICENSE', to: 'LICENSE', toType: 'file' },
      ],
    }),
  ],
}
