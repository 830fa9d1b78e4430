#!/bin/sh
# Sets up this machine for the Makefile's verbs.
#   setup.sh install WHAT   make .venv where there is none and install the project into it
#   setup.sh programs       install the Debian packages that some tests need, where they are missing
# Errors are one sentence on stderr.
set -eu
cd "$(dirname "$0")/.."

python=${PYTHON:-python3}
policy=/usr/sbin/policy-rc.d

say() {
    echo "setup: $*" >&2
}

fail() {
    say "$*"
    exit 1
}

make_venv() {
    .venv/bin/python -m pip --version >/dev/null 2>&1 && return
    command -v "$python" >/dev/null ||
        fail "$python is not here; install Python 3.11 or later or name yours: make PYTHON=python3.12"
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        fail "$python is older than Python 3.11; name a later one: make PYTHON=python3.12"
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        fail "$python cannot make virtual environments;" \
            "install its venv module (Debian: apt-get install python3-venv)"
    "$python" -m venv --clear .venv
}

missing_packages() {
    while read -r program package; do
        command -v "$program" >/dev/null || echo "$package"
    done <<EOF | sort -u | xargs
prometheus prometheus
promtool prometheus
prometheus-alertmanager prometheus-alertmanager
chromium chromium
openssl openssl
systemd-analyze systemd
victoria-metrics victoria-metrics
EOF
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# Debian starts a service as soon as its package is installed. This policy forbids it meanwhile; one
# that is there already is the administrator's own, or a container's, which forbids it too.
forbid_services() {
    [ ! -e "$policy" ] || return 0
    trap 'as_root rm -f "$policy"' EXIT
    trap 'exit 130' HUP INT TERM
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
}

install_packages() {
    forbid_services
    as_root apt-get update -qq </dev/null ||
        say "apt-get update failed; going on with the package lists that are here"
    for package; do
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
            -o DPkg::Lock::Timeout=300 "$package" </dev/null >/dev/null || continue
        # Nor is it to start with the next boot; Chromium is no service, hence no word on failure.
        as_root systemctl --quiet disable "$package" 2>/dev/null || true
    done
}

programs() {
    missing=$(missing_packages)
    [ -n "$missing" ] || return 0
    if command -v apt-get >/dev/null; then
        say "installing Debian packages: $missing"
        # shellcheck disable=SC2086
        as_root true 2>/dev/null && install_packages $missing
        missing=$(missing_packages)
        [ -n "$missing" ] || return 0
    fi
    say "not installed: $missing; install these Debian packages or their like to run every test"
    [ "${CI:-}" != true ]
}

case $1 in
install)
    make_venv
    say "installing $2 into .venv"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --editable "$2"
    ;;
programs) programs ;;
esac
