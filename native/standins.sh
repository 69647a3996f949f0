#!/usr/bin/env bash
# standins.sh BRIDGE FOLDER: for a library that uses libtorch and libvips, empty libraries for those that libtorch names but takes no symbol from.
#
# Debian's libtorch is linked against OpenCV, ffmpeg and others that it does not call. They and the two hundred libraries that
# they need are half of the time that loading it takes. Where a program has loaded an empty library of the same name before,
# the loader takes that for the real one. A library that anything else here needs is left alone.
set -euo pipefail

bridge=$1 folder=$2
rm -rf "$folder"
mkdir -p "$folder"

needed() { readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\].*/\1/p'; }
symbols() { nm -D "$1" "$2" | awk '{print $NF}' | sed 's/@.*//' | sort -u; }

declare -A path
while read -r name _ file _; do
  [[ $file == /* ]] && path[$name]=$file
done < <(ldd "$bridge")
torch=$(needed "$bridge" | grep -m1 '^libtorch_cpu\.so' || true)
[[ -n ${path[$torch]:-} ]] || exit 0

wanted=$(symbols "${path[$torch]}" --undefined-only)
declare -A spare
others=()
for name in "${!path[@]}"; do
  # Modules that libvips loads by itself.
  [[ $name == libvips.so.* ]] && others+=("${path[$name]%/*}"/vips-modules-*/*.so)
done
for name in $(needed "$bridge") $(needed "${path[$torch]}"); do
  file=${path[$name]:-}
  [[ -n $file && $name != libtorch* ]] || continue
  if [[ -z $(comm -12 <(symbols "$file" --defined-only) <(printf '%s\n' "$wanted")) ]] && ! needed "$bridge" | grep -qxF "$name"; then
    spare[$name]=1
  else
    others+=("$file")
  fi
done
for file in "${others[@]}"; do
  [[ -f $file ]] || continue
  reached=$(ldd "$file" | awk '{print $1}')
  # What needs libtorch itself reaches them through it alone.
  grep -q '^libtorch_cpu\.so' <<<"$reached" && continue
  for name in $reached; do unset "spare[$name]"; done
done
for name in "${!spare[@]}"; do "${CXX:-c++}" -shared -nostdlib -Wl,-soname,"$name" -o "$folder/$name" -x c++ /dev/null; done

# The proof: nothing is missing with the stand-ins in the real ones' place.
if LD_LIBRARY_PATH=$folder ldd -r "$bridge" 2>&1 | grep -q -e 'undefined symbol' -e 'no version information'; then
  echo "standins.sh: something needs the libraries after all; none is replaced" >&2
  rm -f "$folder"/*
fi
