# Compiler settings of everything here that is not built by PGXS. Included by
# common/, pg_extension/fetcher/, tests/unit/ and tests/fuzz/.
#
# SANITIZE=address,undefined builds into build/asan instead of build, and
# SANITIZE=fuzzer-no-link,... (tests/fuzz sets that) into build/fuzz.

TOP := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
BUILD := $(TOP)/build$(if $(SANITIZE),/$(if $(findstring fuzzer,$(SANITIZE)),fuzz,asan))

WARNINGS = -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wvla -Wformat=2 -Wpointer-arith -Wwrite-strings -Wundef

ifdef SANITIZE
# No FORTIFY here: it hides from the sanitizer the very calls it should see.
MODE = -O1 -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer
else
MODE = -O2 -D_FORTIFY_SOURCE=2 -fstack-protector-strong
LDFLAGS += -Wl,-z,relro,-z,now
endif

CFLAGS = -std=gnu11 -g $(MODE) -fPIC -fvisibility=hidden $(WARNINGS)
CPPFLAGS += -D_GNU_SOURCE -I$(TOP)/common -I$(TOP)/pg_extension -I$(shell pg_config --includedir) -MMD -MP

LIBVAULTCORE = $(BUILD)/common/libvaultcore.a
# What libvaultcore.a needs from the system.
CORE_LIBS = -lcurl -lcjson -lpq -lcrypto

ifneq ($(CURDIR),$(TOP)/common)
# Always asks common/Makefile, which knows whether anything has changed.
.PHONY: FORCE
FORCE:
$(LIBVAULTCORE): FORCE
	+@$(MAKE) --no-print-directory -C $(TOP)/common SANITIZE='$(SANITIZE)' CC='$(CC)'
endif
