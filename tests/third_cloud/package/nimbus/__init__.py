"""Nimbus: a cloud that exists in tests only. What a person and the key store must know of it."""

from gpushopper.clouds import Cloud, CredentialPart

CLOUD = Cloud(
    name="nimbus",
    title="Nimbus",
    console="https://console.nimbus.example/machines",
    key_menu="Organisation > Clients",
    endpoint="https://api.nimbus.example",
    adapter="nimbus.adapter:connect",
    traits="nimbus.traits:TRAITS",
    credential=(
        CredentialPart("client_id", "client id", ("NIMBUS_CLIENT_ID",), is_secret=False),
        CredentialPart("client_secret", "client secret", ("NIMBUS_CLIENT_SECRET",)),
    ),
)
