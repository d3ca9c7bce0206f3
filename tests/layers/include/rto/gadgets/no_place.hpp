// An input of the layer check, never compiled: a folder that is not in the pipeline.
#pragma once
