"""What a request that keeps to the document may still be refused for: the past. Absent: everything that schemathesis checks itself."""

import schemathesis

# A cursor that was never given out, a key that was used, an account that is full or there already, an order that is final; and two
# headers that name different users, each as it may be.
ABOUT_THE_PAST = {
    "invalid_cursor",
    "idempotency_key_reused",
    "balance_limit_exceeded",
    "account_exists",
    "order_already_final",
    "user_mismatch",
}


@schemathesis.check
def only_the_past_refuses_what_is_documented(ctx, response, case):
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if response.status_code in (400, 409, 422):
        code = response.json()["code"]
        assert code in ABOUT_THE_PAST, f"{code}, though the request is as documented"
