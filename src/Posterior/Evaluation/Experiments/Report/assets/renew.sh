#!/usr/bin/env bash
# Fetches the chart library of the report's page from npm at its pinned version, with the licences of what it bundles. The files are committed, so that a build needs no npm.
set -euo pipefail
chart=4.5.1 color=0.3.4
target=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-save "chart.js@$chart" "@kurkle/color@$color"
sed 's|//# sourceMappingURL=.*||' node_modules/chart.js/dist/chart.umd.min.js >"$target/chart.umd.min.js"
{
  printf 'Chart.js %s\n\n' "$chart"
  cat node_modules/chart.js/LICENSE.md
  printf '\n@kurkle/color %s, bundled in it\n\n' "$color"
  cat node_modules/@kurkle/color/LICENSE.md
} >"$target/chart.LICENSE.md"
