#!/bin/sh
# Installs the packages for Debian with apt, uses them, and removes them again. As root.
#
#     deb.sh DIRECTORY VERSION CONSUMERS WORK_DIR
set -eux
directory=$1 version=$2 consumers=$3 work_dir=$4
runtime=libantpool${version%.*}
export DEBIAN_FRONTEND=noninteractive

if dpkg-query --show "$runtime" libantpool-dev 2>/dev/null; then
    echo "antpool is installed on this machine already, and is not replaced for a test" >&2
    exit 1
fi
quiet_apt() { apt-get --quiet --yes -o DPkg::Lock::Timeout=120 "$@"; }
rm -rf "$work_dir"
mkdir -p "$work_dir"
cd "$work_dir"

# The development package asks for the very same version of the other.
field() { dpkg-deb --field "$directory/$1"_"$version"_*.deb "$2"; }
field libantpool-dev Depends | grep -F "$runtime (= $version)"
field "$runtime" Depends | grep -F 'libc6 (>= '

trap 'quiet_apt purge "$runtime" libantpool-dev' EXIT
quiet_apt install "$directory/$runtime"_*.deb "$directory"/libantpool-dev_*.deb

dpkg --listfiles "$runtime" libantpool-dev >files
grep -Fx /usr/include/antpool.h files
grep -Fx /usr/share/man/man3/antpool.3 files

# Everything is found with no path being named.
for kind in shared static; do
    if [ $kind = shared ]; then
        libraries=$(pkg-config --libs antpool)
    else
        libraries=$(pkg-config --static --libs antpool | sed 's/-lantpool/-l:libantpool.a/')
    fi
    # shellcheck disable=SC2046,SC2086 # These are words.
    cc "$consumers/consumer.c" $(pkg-config --cflags antpool) $libraries -o $kind
    ./$kind
done
readelf --dynamic shared | grep -F "libantpool.so.${version%.*}"
readelf --dynamic static | grep -F libantpool && exit 1
cmake -S "$consumers/installed" -B build "-DREQUEST=$version"
cmake --build build
for program in shared static cpp; do build/$program; done

# A program needs the first package only.
quiet_apt remove libantpool-dev
./shared
cc "$consumers/consumer.c" -lantpool -o nothing 2>not-found && exit 1
grep -F antpool not-found

# Nothing is left.
trap - EXIT
quiet_apt purge "$runtime"
./shared && exit 1
while read -r file; do
    case $file in *antpool*) [ ! -e "$file" ] ;; esac
done <files
