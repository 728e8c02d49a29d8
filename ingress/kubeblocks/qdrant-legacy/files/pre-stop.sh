#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Before the engine is told to stop: services forget this pod first. There are
# no shards to move away, and what was answered is on the disk already.
sleep "${AZIMUTH_PRE_STOP_SECONDS:-3}"
