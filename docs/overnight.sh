#!/bin/sh
# Rent, run, fetch, end: by hand or from cron. However it stops, the trap ends the session, or its deadline does.
set -eu
name=night-$(date +%s)
trap 'gpu-shopper shutdown "$name" --yes' EXIT
trap 'exit 130' INT TERM
gpu-shopper provision --gpu "RTX 4090" --for 2h --max-price 0.60 --name "$name" --no-wait --yes
gpu-shopper wait "$name" --for ready --timeout 15m
gpu-shopper run "$name" -- 'mkdir -p out && hostname >out/result.txt'
gpu-shopper pull "$name" out results
