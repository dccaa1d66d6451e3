#!/usr/bin/env bash
# A walk through the shop: an account, money, orders, one of them regretted, and what becomes of them. Needs bash and curl, and a running shop.
# Usage: docs/walkthrough.sh [http://127.0.0.1:8080]
set -euo pipefail

BASE=${1:-http://127.0.0.1:8080}
BUYER=buyer-$RANDOM$RANDOM         # has an account
STRANGER=stranger-$RANDOM$RANDOM   # has none

# call USER METHOD PATH [BODY]: shows the call and its answer, and keeps the answer in ANSWER
call() {
    local body=()
    [ $# -lt 4 ] || body=(--header 'Content-Type: application/json' --data "$4")
    printf '\n$ %s %s as %s %s\n' "$2" "$3" "$1" "${4:-}"
    ANSWER=$(curl --silent --show-error --request "$2" "$BASE$3" --header "X-User-Id: $1" "${body[@]}")
    printf '%s\n' "$ANSWER"
}

# field NAME: a text field of the last answer
field() {
    printf '%s' "$ANSWER" | sed -E "s/.*\"$1\":\"([^\"]*)\".*/\1/"
}

# await_final USER ORDER: looks until the order is not NEW any more, for 30 seconds at most
await_final() {
    for _ in $(seq 1 300); do
        ANSWER=$(curl --silent --show-error "$BASE/orders/$2" --header "X-User-Id: $1")
        if [ "$(field status)" != NEW ]; then
            printf '\n$ GET /orders/%s as %s\n%s\n' "$2" "$1" "$ANSWER"
            return
        fi
        sleep 0.1
    done
    echo "order $2 is still NEW" >&2
    exit 1
}

echo "# An account, and 100.00 on it"
call "$BUYER" POST /accounts
call "$BUYER" POST /accounts/topup '{"amount": "100.00"}'

printf '\n# Three orders: one that can be paid, one that is too dear, one of somebody without an account\n'
call "$BUYER" POST /orders '{"amount": "50.00", "description": "Two tickets"}'
paid=$(field id)
call "$BUYER" POST /orders '{"amount": "500.00"}'
too_dear=$(field id)
call "$STRANGER" POST /orders '{"amount": "1.00"}'
unknown=$(field id)

printf '\n# Each was accepted at once; a moment later it is final\n'
await_final "$BUYER" "$paid"
await_final "$BUYER" "$too_dear"
await_final "$STRANGER" "$unknown"

printf '\n# Second thoughts: in time they cost nothing, even if it was paid meanwhile; too late, it stays paid\n'
call "$BUYER" POST /orders '{"amount": "10.00", "description": "A third ticket"}'
regretted=$(field id)
call "$BUYER" POST "/orders/$regretted/cancel"
await_final "$BUYER" "$regretted"
call "$BUYER" GET "/orders/$regretted/timeline"

printf '\n# What the buyer sees now\n'
call "$BUYER" GET /orders
call "$BUYER" GET /accounts/balance
call "$BUYER" GET /accounts/transactions
