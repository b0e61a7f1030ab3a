"""The bare run that bench/pages.py compares with: one run of the network, its image, and no page around it."""

import streamlit as st
import torch

from diffviz.imaging.encoding import data_url, encode_png
from diffviz.imaging.pixels import to_uint8
from diffviz.pipelines.text_to_image import Settings, sample_steps

torch.set_num_threads(1)
*_, last = sample_steps(Settings("cat face", "noto"))
image = data_url(encode_png(to_uint8(last.x[0].numpy())))
st.html(f'<div class="dv-panel"><img alt="" src="{image}"></div>')
