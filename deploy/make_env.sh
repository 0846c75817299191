#!/bin/sh
# Writes .env (readable for its owner alone) from .env.example, with secrets made here. One that is there keeps every value it has.
set -eu
cd "$(dirname "$0")/.."
umask 077
data=${OLLIVE_DATA_DIR:-var}

[ -e .env ] || cp .env.example .env
chmod 600 .env

for name in SECRET_KEY OLLIVE_ENCRYPTION_KEYS POSTGRES_PASSWORD VALKEY_PASSWORD OLLIVE_METRICS_TOKEN GRAFANA_PASSWORD; do
    grep -q "^$name=." .env && continue
    # What `make run` encrypted before must stay readable.
    kept=$data/secrets/$(echo "$name" | tr '[:upper:]' '[:lower:]')
    if [ -s "$kept" ]; then
        value=$(cat "$kept")
    else
        # 32 bytes in the alphabet of URLs: these stand in URLs too.
        value=$(head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n')
    fi
    grep -v "^$name=" .env > .env.new || true
    echo "$name=$value" >> .env.new
    mv .env.new .env
done
