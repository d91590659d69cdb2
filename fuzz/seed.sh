#!/usr/bin/env bash
# Fills the corpora of the fuzz targets from testdata/, and from a folder of real reports when one is named:
#
#   fuzz/seed.sh [FOLDER]
set -euo pipefail
cd "$(dirname "$0")/.."

# seed TARGET FILE [PREFIX]: puts FILE into the corpus of TARGET, after PREFIX.
seed() {
    [ -e "fuzz/fuzz_targets/$1.rs" ] || return 0
    mkdir -p "fuzz/corpus/$1"
    { printf '%b' "${3:-}"; head -c 65536 "$2"; } > "fuzz/corpus/$1/seed-$(printf '%s' "$2" | tr -c 'A-Za-z0-9.' '-')"
}

reports() {
    find "$1" -type f ! -name '*.out.json' ! -name '*.toml' ! -name '*.tsv' -size -256k | sort
}

while read -r file; do
    folder=$(basename "$(dirname "$file")")
    name=$(basename "$file")
    seed "source_${folder//-/_}" "$file" "$name\\0"
    seed unpack "$file" "$name\\0"
    seed recognise "$file" "$name\\0"
    case $name in
        *.eml) seed mail "$file"; seed mail_fields "$file"; seed answer "$file"; seed delivery_status "$file"; seed arf "$file"; seed source_arf "$file" "$name\\0"; seed source_xarf_mail "$file" "$name\\0" ;;
        *.csv|*.tsv) seed csv "$file" '\0'; seed source_csv "$file" "$name\\0"; seed source_csv_mapping "$file" "$name\\0" ;;
        *.json) seed json "$file"; seed source_json "$file" "$name\\0" ;;
        *.html|*.xml|*.htm) seed html_text "$file" ;;
        *.txt|*.log|*.data|*.list) seed lines "$file" '\377'; seed source_list "$file" "$name\\0"; seed source_key_value "$file" "$name\\0" ;;
    esac
done < <(reports testdata; for folder in "$@"; do reports "$folder"; done)

for mapping in testdata/*/*.mapping.toml; do
    seed mapping "$mapping"
    cat "$mapping" <(printf '\0') "${mapping%.mapping.toml}.in.csv" > fuzz/corpus/mapping/seed-with-report
done
seed block_list_rpz testdata/block-lists/list.zone
seed shadowserver_types crates/formats/src/shadowserver_types.tsv
for file in testdata/tables/*; do
    for target in mmdb ranges rir; do seed $target "$file"; done
done

# A small log and what belongs to it.
for file in testdata/tlog/small.*; do
    case $file in
        *.checkpoint) seed tlog_note "$file"; mkdir -p fuzz/corpus/tlog_checkpoint; sed '/^$/,$d' "$file" > fuzz/corpus/tlog_checkpoint/seed-small ;;
        *.tlog-proof) seed tlog_proof "$file" ;;
        *.tlog-policy)
            seed tlog_policy "$file"
            mkdir -p fuzz/corpus/tlog_key
            awk '$1 == "log" { printf "%s", $2 }' "$file" > fuzz/corpus/tlog_key/seed-log
            awk '$1 == "witness" { printf "%s", $3 }' "$file" > fuzz/corpus/tlog_key/seed-witness
            ;;
        *.add-checkpoint) seed tlog_witness "$file" ;;
        *.entries.*) seed tlog_tile "$file" ;;
        *.tiles) mkdir -p fuzz/corpus/tlog_tile; awk '{ printf "%s", $1 > ("fuzz/corpus/tlog_tile/seed-path-" NR) }' "$file" ;;
    esac
done

mkdir -p fuzz/corpus/release_statement
printf 'musubi release v1\nsalt %032d\nid n-1\nto isp.example\npurpose notify\nchannel mail\nsha256 %064d\nat 2026-11-23T09:30:00Z\nbasis %064d\n' 0 0 0 \
    > fuzz/corpus/release_statement/seed-zeros

mkdir -p fuzz/corpus/warning_list fuzz/corpus/warning_classes fuzz/corpus/observable
printf '{"name":"n","version":3,"type":"cidr","matching_attributes":["ip-src","domain|ip"],"list":["10.0.0.0/8","2001:db8::/32"]}' > fuzz/corpus/warning_list/seed-cidr
printf '/^(noc|abuse)\\@.*\\..*$/i\n.example.com\n192.0.2.0/24\nabuse@a.example.com\n' > fuzz/corpus/warning_list/seed-lines
cp crates/casework/src/indicate/*.toml fuzz/corpus/warning_classes/
printf '3:AXGBicFlgVNhBGcL6wCrFQEv:AXGHsNhxLsr2C' > fuzz/corpus/observable/seed-ssdeep
printf 'hxxp://user@login.example[.]com:8080/a?b#c' > fuzz/corpus/observable/seed-url

# Containers in containers.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp testdata/shadowserver/*.in.csv "$work"
(
    cd "$work"
    set -- *.csv
    tar cf reports.tar "$@"
    gzip -k "$1"
    gzip -k reports.tar
    for tool in xz zstd; do if command -v $tool > /dev/null; then $tool -qk "$1"; fi; done
    if command -v zip > /dev/null; then zip -q reports.zip "$@" ./*.gz; elif command -v python3 > /dev/null; then python3 -m zipfile -c reports.zip "$@" ./*.gz; fi
    base64 "$1.gz" > "$1.gz.b64"
)
for file in "$work"/*.{tar,gz,xz,zst,zip,b64}; do
    [ ! -e "$file" ] || seed unpack "$file" "$(basename "$file")\\0"
done

# What is short is written here.
mkdir -p fuzz/corpus/time_value
n=0
for text in 2026-03-23T07:01:02Z '23/Mar/2026:07:01:02 +0900' 1774249262 'Mon, 23 Mar 2026 07:01:02 +0000' 192.0.2.1 ::ffff:192.0.2.1 2001:db8::/32 \
    198.51.100.0/24 'hxxp://user@login.example[.]com:8080/a?b#c' xn--fsq.example AS64496 jp 192.0.2.1:443 '[2001:db8::1]:443' \
    d41d8cd98f00b204e9800998ecf8427e 'cve-2021-44228;mirai' 2026-03-23-event4_sinkhole-example.csv; do
    n=$((n + 1))
    printf '%s' "$text" > "fuzz/corpus/time_value/seed-$n"
done
printf '192.0.2.0\t192.0.2.255\t64496\tJP\tEXAMPLE\n' > fuzz/corpus/ranges/seed-iptoasn
printf '2|apnic|20260617|3|19850701|20260616|+1000\napnic|JP|ipv4|192.0.2.0|256|20100101|allocated|A1\napnic|*|asn|*|1|summary\n' > fuzz/corpus/rir/seed-delegated
# A MaxMind DB of two networks.
base64 -d > fuzz/corpus/mmdb/seed-two-networks << MMDB
AAABAABuAAASAAACAAAAAAAAAAAAAAAAAAAAAONHY291bnRyeeFIaXNvX2NvZGVCSlBYYXV0b25vbW91c19zeXN0ZW1fbnVtYmVyxAAA+/BdAWF1dG9ub21v
dXNfc3lzdGVtX29yZ2FuaXphdGlvbkdFeGFtcGxl40Nhc25HQVM2NDQ5N0xjb3VudHJ5X2NvZGVCS1JHYXNfbmFtZUVPdGhlcqvN701heE1pbmQuY29t6Upu
b2RlX2NvdW50xAAAAAJLcmVjb3JkX3NpemWiABhKaXBfdmVyc2lvbqIABE1kYXRhYmFzZV90eXBlR0V4YW1wbGVJbGFuZ3VhZ2VzAARbYmluYXJ5X2Zvcm1h
dF9tYWpvcl92ZXJzaW9uogACW2JpbmFyeV9mb3JtYXRfbWlub3JfdmVyc2lvbqIAAEtidWlsZF9lcG9jaAgCAAAAAGnA5S5LZGVzY3JpcHRpb27g
MMDB
# The image of the table made from it.
mkdir -p fuzz/corpus/table_image
base64 -d > fuzz/corpus/table_image/seed-two-networks << IMAGE
TVNCVEFCTEUBAAAAsQAAAAMAAAABAAAAAgAAAAwAAAAAAAAAeyJraW5kIjoiYXNuLWFuZC1jb3VudHJ5Iiwic291cmNlIjoieCIsImRhdGUiOiIyMDI2LTAz
LTIzIiwic2hhMjU2IjoiZDFkOGZmZTA2M2FhZGIxOWZlNzdhYjY3NmU1YzhmYmJiNGFkZDY4Y2I2MTUxYzhlOTg4ZmM2MmNlYjgxZTgwMyIsImxpY2VuY2Ui
OiIiLCJhcHByb3hpbWF0ZSI6ZmFsc2UsInJvd3MiOjJ9AAAAAAAAAAAAAABA/////wAAAIABAAAAAAAAAAAAAAAAAAAAAAAAAP/////w+wAAAAAAAAcASlDx
+wAABwAAAAUAS1JFeGFtcGxlT3RoZXK33Nhwcaelqqw+rro5g7CmcfVq8xHvdHwwtsohU0523A==
IMAGE
# Patterns, alone and with what they are asked of.
mkdir -p fuzz/corpus/stix_pattern fuzz/corpus/stix_pattern_match
n=0
while read -r pattern; do
    n=$((n + 1))
    printf '%s' "$pattern" > "fuzz/corpus/stix_pattern/seed-$n"
    printf '%s\0%s' "$pattern" '[{"type":"observed-data","first_observed":"2026-11-23T09:30:00Z","last_observed":"2026-11-23T09:31:00Z","number_observed":2,"objects":{"0":{"type":"a","v":"192.0.2.7","n":1,"l":["x","y"],"o_ref":"0","p_bin":"eA=="}}}]' \
        > "fuzz/corpus/stix_pattern_match/seed-$n"
done << 'PATTERNS'
[a:v = '192.0.2.7' AND (a:n >= 1.0 OR a:l[*] IN ('x', 'z'))]
([a:v ISSUBSET '192.0.2.0/24'] AND [a:n NOT != 2] REPEATS 2 TIMES) WITHIN 5.5 SECONDS
[a:o_ref.v LIKE '%.2._'] FOLLOWEDBY [NOT EXISTS a:'x-y'.z[0]] START t'2026-11-23T09:30:00Z' STOP t'2026-11-23T09:31:00.5Z'
[a:p_bin MATCHES '\\x78' OR a:p_bin = h'78' OR a:v ISSUPERSET '2001:db8::/32'] OR [b:t < t'2026-11-23T09:30:00Z']
PATTERNS
echo "seeds: $(find fuzz/corpus -name 'seed-*' | wc -l) in $(find fuzz/corpus -mindepth 1 -type d | wc -l) corpora"
