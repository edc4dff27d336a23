"""A caller's own key over the API."""

from marshmallow import Schema, fields


class OwnKey(Schema):
    """The key that a request came with, without its secret."""

    name = fields.String(required=True, metadata={"description": "the person or system that it was given to"})
    prefix = fields.String(required=True, metadata={"description": "how lists and logs show it"})
    role = fields.String(required=True)
    teams = fields.List(
        fields.String(), required=True, allow_none=True, metadata={"description": "all that it sees; null: every team"}
    )
    agent = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "the holder's own number; its calls they do not rate"},
    )
    expires_at = fields.AwareDateTime(required=True, allow_none=True, metadata={"description": "null: never"})
