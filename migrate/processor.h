/* processor.h — a processor as libvirt describes it: maker, model, features by name; pure
 *
 * Two descriptions meet in Compare-VM: what a running machine has, and what a host can give.  From another host one
 * comes as JSON, so that no XML of a peer reaches libvirt: what is read here is written anew.
 */
#pragma once

#include <stdbool.h>
#include <systemd/sd-json.h>

#include "appliance/base/error.h"

enum { PROCESSOR_NAME_SIZE = 48, PROCESSOR_FEATURES_MAX = 512 };

typedef struct ProcessorFeature {
        char name[PROCESSOR_NAME_SIZE]; /* letters, digits and . _ - */
        bool disabled;                  /* of the model's features this one is not there */
} ProcessorFeature;

typedef struct Processor {              /* large: not for the stack */
        char vendor[PROCESSOR_NAME_SIZE];       /* "Intel", "AMD"; "" not told */
        char model[PROCESSOR_NAME_SIZE];        /* "Nehalem"; "" when nothing is known at all */
        unsigned feature_count;
        ProcessorFeature features[PROCESSOR_FEATURES_MAX];
} Processor;

/* From libvirt's own XML: <cpu> of a domain, or the host-model <mode> of a host's domain capabilities; the first of
 * @element whose attribute mode is not another than @mode (NULL: any).  Without a model there *ret is empty, which is
 * no error.  ERROR_PROTOCOL when it is not XML. */
int processor_read(const char *xml, const char *element, const char *mode, Processor *ret, Error *err) FAILS;
/* The <cpu> of a guest with exactly this; the caller frees *ret. */
int processor_write(const Processor *processor, char **ret, Error *err) FAILS;

/* {"Vendor": …, "Model": …, "Features": ["avx", "-vme"]} */
int processor_json(const Processor *processor, sd_json_variant **ret, Error *err) FAILS;
/* ERROR_PROTOCOL: a name that is none, or too many; *ret is untouched then. */
int processor_parse(sd_json_variant *v, Processor *ret, Error *err) FAILS;
