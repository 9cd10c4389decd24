/*
 * vault_address.h - one address of a Vault server, in one spelling.
 */
#ifndef VC_VAULT_ADDRESS_H
#define VC_VAULT_ADDRESS_H

#include <stddef.h>

#define VC_ADDRESS_MAX 512 /* bytes of one address; a host name has at most 253 */

/*
 * Writes the origin (RFC 6454) of len bytes of text into out, of VC_ADDRESS_MAX + 1 bytes: scheme
 * and host in lower case, the port always given, an IPv6 address in its shortest form (RFC 5952),
 * no slash at the end. Equal origins become equal strings. Returns NULL, or what is wrong in words
 * that quote nothing of the text (it may hold a password). Refused: schemes but http and https,
 * user names and passwords, a path, query or fragment, an IPv6 zone, a host that is not made of
 * letters, digits, '-', '_' and '.', ports but 1 to 65535.
 */
const char *vc_address_parse(const char *text, size_t len, char *out);

#endif
