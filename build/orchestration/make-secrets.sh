#!/bin/sh
# Makes what docker-compose.production.yml and the Kubernetes manifests take as secrets, for a start: random passwords, and a certificate of a
# root of its own, good for a year. Touches nothing that is there. Usage: make-secrets.sh FOLDER [NAME…]: more names for the certificate.
set -eu
folder=${1:?Usage: make-secrets.sh FOLDER [NAME...]}
shift
umask 077
mkdir -p "$folder"
cd "$folder"

random() { openssl rand -hex 32; }
make() { [ -e "$1" ] || printf '%s' "$2" >"$1"; }

make postgres_password "$(random)"
make redis_password "$(random)"
make service_secret "$(random)"
make metrics_token "$(random)"
make backup_key "$(random)"
make database_url "postgres://holdfast:$(cat postgres_password)@postgres:5432/holdfast"
make redis_url "redis://default:$(cat redis_password)@redis:6379"
make cockroach_url 'postgres://holdfast@cockroach-1:26257/holdfast?sslmode=verify-full&sslrootcert=/cockroach-certs/ca.crt&sslcert=/cockroach-certs/client.holdfast.crt&sslkey=/cockroach-certs/client.holdfast.key'
make redis_cluster_urls "$(for n in 1 2 3; do printf '%sredis://default:%s@redis-%s:6379' "${comma:-}" "$(cat redis_password)" "$n"; comma=,; done)"
make redis_conf "requirepass $(cat redis_password)
masterauth $(cat redis_password)
maxmemory-policy allkeys-lru
save ''
"

names='DNS:localhost,IP:127.0.0.1'
for name in chat artifacts speech-to-text text-to-speech vision image-generation dag "$@"; do names="$names,DNS:$name"; done
if [ ! -e tls_certificate ]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj '/CN=Holdfast root' \
    -addext 'keyUsage=critical,keyCertSign' -keyout tls_ca_key -out tls_ca 2>/dev/null
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj '/CN=holdfast' -keyout tls_key -out request 2>/dev/null
  printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth\n' "$names" >extensions
  openssl x509 -req -in request -CA tls_ca -CAkey tls_ca_key -CAcreateserial -days 365 -extfile extensions -out tls_certificate 2>/dev/null
  rm -f request extensions tls_ca.srl
fi
# Compose mounts the files as they are: the containers' users read them through the group of whoever runs this.
chmod 0444 ./*
chmod 0400 tls_ca_key
chmod 0700 .
