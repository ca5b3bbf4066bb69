"""flagd behind OpenFeature's API. Needs `flagd-sdk[openfeature]`.

    from openfeature import api
    from flagd_sdk.openfeature import FlagdProvider

    api.set_provider_and_wait(FlagdProvider("https://flags.example.com", "flagd_server_..."))
    api.get_client().get_boolean_value("new-checkout", False, EvaluationContext("user-17"))

Nothing else of the SDK imports this package.
"""

from flagd_sdk.openfeature.provider import FlagdProvider

__all__ = ["FlagdProvider"]
